"""Files for messages: uploaded ones live three days."""

from app.wechat.answers import text
from app.wechat.areas.base import Area


class Media(Area):
    def upload_media(self, kind: str, name: str, content: bytes) -> str:
        """Upload an image, voice, video or thumb; returns its media_id. `name` decides the type, as in `logo.png`."""
        return text(self._client.media.upload(kind, (name, content)), "media_id", appid=self._appid)
