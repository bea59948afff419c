"""QR codes with a scene: what a channel is made of. At most 100 000 permanent ones an account."""

from typing import Any

from app.wechat.answers import text
from app.wechat.areas.base import Area
from app.wechat.shapes import QrTicket


class Codes(Area):
    def create_qr(self, scene: str | int, permanent: bool, expire_s: int = 0) -> QrTicket:  # noqa: FBT001 - the contract between rooms.
        """A code for a scene: a text of 1 to 64 characters, or a number (permanent: 1 to 100 000; temporary: 32 bits).

        `expire_s` is for temporary codes, up to 2 592 000 (30 days); 0 takes that much.
        """
        number = isinstance(scene, int)
        action = f"QR_{'LIMIT_' if permanent else ''}{'' if number else 'STR_'}SCENE"
        wanted: dict[str, Any] = {"action_name": action, "action_info": {"scene": {"scene_id" if number else "scene_str": scene}}}
        if not permanent:
            # Left out it would be a minute.
            wanted["expire_seconds"] = expire_s or 2_592_000
        answer = self._client.qrcode.create(wanted)
        lasts = answer.get("expire_seconds", 0)
        ticket, url = (text(answer, name, appid=self._appid) for name in ("ticket", "url"))
        return QrTicket(ticket, url, lasts if isinstance(lasts, int) and not permanent else 0)
