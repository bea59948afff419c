"""Mass messages, the one carrier for marketing: four a person and calendar month, 60 calls a minute."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.wechat.answers import text
from app.wechat.areas.base import Area
from app.wechat.errors import WeChatError
from app.wechat.shapes import MassReceipt

_SENT_BEFORE = 45065


class Mass(Area):
    def send_mass(
        self,
        payload: Mapping[str, Any],
        *,
        openids: Sequence[str] | None = None,
        tag_id: int | None = None,
        client_msg_id: str = "",
    ) -> MassReceipt:
        """Send {"msgtype": "text", "text": {"content": ...}} to 2 to 10 000 openids, to one tag, or to everybody when neither is given.

        A repeat with the same `client_msg_id` (64 bytes) within 24 hours is answered with the first receipt.
        """
        # wechatpy sends group_id where WeChat has long wanted tag_id.
        wanted: dict[str, Any] = dict(payload)
        if openids is not None:
            path = "/cgi-bin/message/mass/send"
            wanted["touser"] = list(openids)
        else:
            path = "/cgi-bin/message/mass/sendall"
            wanted["filter"] = {"is_to_all": True} if tag_id is None else {"is_to_all": False, "tag_id": tag_id}
        wanted |= {"clientmsgid": client_msg_id} if client_msg_id else {}
        try:
            answer = self._client.raw("post", path, payload=wanted)
        except WeChatError as error:
            if error.code != _SENT_BEFORE:
                raise
            return MassReceipt(text(error.answer, "msg_id", appid=self._appid), repeated=True)
        return MassReceipt(text(answer, "msg_id", appid=self._appid), str(answer.get("msg_data_id", "")))

    def read_mass_status(self, msg_id: str) -> str:
        """How far a mass message is: SENDING, SEND_SUCCESS, SEND_FAIL or DELETE."""
        return text(self._client.message.get_mass(int(msg_id)), "msg_status", appid=self._appid)
