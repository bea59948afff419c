"""Uploaded files: kinds, sizes and endings."""

from typing import Any

from app.wechat.twin.calls.base import ALL, Call, call, refuse

_MAX_BYTES = {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "thumb": 64 << 10}
_ENDINGS = {
    "image": (".jpg", ".jpeg", ".png", ".gif", ".bmp"),
    "voice": (".amr", ".mp3", ".wav", ".wma"),
    "video": (".mp4",),
    "thumb": (".jpg", ".jpeg"),
}


@call("/cgi-bin/media/upload", ALL)
def upload(made: Call) -> dict[str, Any]:
    kind = made.params.get("type")
    if kind not in _MAX_BYTES:
        refuse(40004)
    name, content = made.file or refuse(41005)
    if not content:
        refuse(41005)
    if len(content) > _MAX_BYTES[kind]:
        refuse(45001)
    if not name.lower().endswith(_ENDINGS[kind]):
        refuse(40005)
    media_id = f"media-{made.twin.next_number()}"
    made.known.media.add(media_id)
    return {"type": kind, "media_id": media_id, "created_at": int(made.now)}
