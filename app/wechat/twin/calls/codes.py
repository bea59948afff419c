"""QR codes: four actions, scenes within their limits, 100 000 permanent ones."""

from typing import Any

from app.wechat.twin.calls.base import SERVICE, Call, call, refuse

_ACTIONS = frozenset({"QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"})


@call("/cgi-bin/qrcode/create", SERVICE)
def create(made: Call) -> dict[str, Any]:
    action = made.body.get("action_name")
    if action not in _ACTIONS:
        refuse(40053)
    permanent, textual = "LIMIT" in action, "STR" in action
    scene = _scene(made, permanent=permanent, textual=textual)
    expire_s = 0 if permanent else made.body.get("expire_seconds", 60)
    if not permanent and (not isinstance(expire_s, int) or not 1 <= expire_s <= 2_592_000):
        refuse(40035)
    # A permanent code belongs to its scene; every temporary one is new.
    salt = "lasting" if permanent else str(made.twin.next_number())
    ticket = f"gQ{made.known.account.appid}-{scene}-{textual}-{salt}"
    if permanent and ticket not in made.known.tickets:
        made.take("qr")
    made.known.tickets[ticket] = scene
    return {"ticket": ticket, "url": f"http://weixin.qq.com/q/{ticket}"} | ({} if permanent else {"expire_seconds": expire_s})


def _scene(made: Call, *, permanent: bool, textual: bool) -> str:
    scene = (made.body.get("action_info") or {}).get("scene")
    if not isinstance(scene, dict):
        refuse(40053)
    if textual:
        text = scene.get("scene_str")
        return text if isinstance(text, str) and 1 <= len(text) <= 64 else refuse(40053)
    number = scene.get("scene_id")
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= (100_000 if permanent else (1 << 32) - 1):
        refuse(40053)
    return str(number)
