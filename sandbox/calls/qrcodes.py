"""Channel codes: the four actions, their limits, and their picture."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any, Final

import qrcode

from sandbox.calls.base import SERVICE, Call, call, effect_of, refuse
from sandbox.net.message import Reply, error_reply
from sandbox.state.account import QrCode
from sandbox.state.identity import text_id

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.account import Account
    from sandbox.state.world import Record, World

MAX_EXPIRE_S: Final = 2_592_000
DEFAULT_EXPIRE_S: Final = 60
MAX_PERMANENT_ID: Final = 100_000
MAX_SCENE_CHARS: Final = 64
# Temporary codes do not count against a limit; a bound on memory they need all the same.
MAX_CODES: Final = 1_000_000
_PERMANENT: Final = frozenset({"QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"})
_TEXTUAL: Final = frozenset({"QR_STR_SCENE", "QR_LIMIT_STR_SCENE"})
_ACTIONS: Final = _PERMANENT | _TEXTUAL | {"QR_SCENE"}


@call("/cgi-bin/qrcode/create", kinds=SERVICE, bare=True)
def create_code(call_: Call) -> Record:
    """Create a code for a scene; a permanent code for a known scene is the same one again."""
    action = call_.body.get("action_name")
    if not isinstance(action, str) or action not in _ACTIONS:
        refuse(40053)
    permanent, textual = action in _PERMANENT, action in _TEXTUAL
    scene = _scene(call_, permanent=permanent, textual=textual)
    expire_s = 0
    if not permanent:
        expire_s = call_.integer("expire_seconds", default=DEFAULT_EXPIRE_S)
        if not 1 <= expire_s <= MAX_EXPIRE_S:
            refuse(40035, "expire_seconds")
    ticket = _ticket(call_, scene, permanent=permanent, textual=textual)
    known = ticket in call_.account.codes
    if not known:
        used, most = call_.account.counters.used("qr"), call_.world.settings.quota["qr"]
        if (permanent and used >= most) or len(call_.account.codes) >= MAX_CODES:
            refuse(45009)
    url = "http://weixin.qq.com/q/02" + text_id(ticket, length=20)
    expires_at = call_.world.clock.now() + expire_s if expire_s else 0
    call_.accept(ticket=ticket, scene=scene, textual=textual, url=url, expires_at=expires_at)
    return {"ticket": ticket, "url": url} | ({"expire_seconds": expire_s} if expire_s else {})


def _scene(call_: Call, *, permanent: bool, textual: bool) -> str:
    info = call_.mapping("action_info", 40053)
    scene = info.get("scene")
    if not isinstance(scene, dict):
        refuse(40053)
    if textual:
        text = scene.get("scene_str")
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_SCENE_CHARS:
            refuse(40053, "scene_str")
        return text
    number = scene.get("scene_id")
    most = MAX_PERMANENT_ID if permanent else (1 << 32) - 1
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
        refuse(40053, "scene_id")
    return str(number)


def _ticket(call_: Call, scene: str, *, permanent: bool, textual: bool) -> str:
    # Every temporary code is a new one; a permanent one belongs to its scene.
    salt = "lasting" if permanent else f"{call_.world.n}"
    return "gQ" + text_id(call_.world.seed, "code", call_.account.appid, scene, textual, salt, length=82) + "AA=="


@effect_of("/cgi-bin/qrcode/create", "/card/qrcode/create")
def code_created(world: World, account: Account, effect: Record) -> None:
    """Keep the code; the newest one of a scene is what people scan."""
    del world
    code = QrCode(effect["ticket"], effect["scene"], effect["textual"], effect["url"], effect["expires_at"])
    if not code.expires_at and not effect.get("is_card") and code.ticket not in account.codes:
        account.counters.add("qr")
    account.codes[code.ticket] = code
    account.scenes[code.scene] = code


def picture(text: str) -> bytes:
    """Draw a QR code as PNG."""
    code: Any = qrcode.QRCode(box_size=10, border=4)
    code.add_data(text)
    code.make(fit=True)
    stream = io.BytesIO()
    code.make_image().save(stream, "PNG")
    return stream.getvalue()


async def show_code(world: World, request: Request) -> Reply:
    """Answer /cgi-bin/showqrcode: the picture of a ticket, no token needed; drawn off the loop."""
    ticket = request.query.get("ticket", "")
    for account in world.accounts.values():
        code = account.codes.get(ticket)
        if code and not (code.expires_at and code.expires_at <= world.clock.now()):
            drawn = await asyncio.get_running_loop().run_in_executor(None, picture, code.url)
            return Reply(drawn, 200, b"image/png")
    return error_reply("no such ticket, or it has expired", 404)
