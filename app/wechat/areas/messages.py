"""Messages to one person: templates (service news only), customer-service messages inside a window, subscription messages."""

from collections.abc import Mapping
from typing import Any

from app.core.nouns import AccountKind
from app.wechat.answers import mappings, text
from app.wechat.areas.base import Area
from app.wechat.shapes import Template


class Messages(Area):
    def list_templates(self) -> list[Template]:
        """The account's message templates."""
        answer = self._client.template.get_all_private_template()
        found = mappings(answer.get("template_list"), appid=self._appid)
        names = ("template_id", "title", "content")
        return [Template(*(str(each.get(name, "")) for name in names)) for each in found]

    def send_template(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, Any],
        *,
        url: str = "",
        miniprogram: Mapping[str, str] | None = None,
        client_msg_id: str = "",
    ) -> str:
        """Send a template message and return its msgid; `data` is {"thing1": {"value": ...}}.

        `client_msg_id` keeps a repeat within 10 minutes from being sent twice, where the platform honours it.
        """
        # wechatpy's own call has no client_msg_id.
        payload: dict[str, Any] = {"touser": openid, "template_id": template_id, "data": dict(data)}
        payload |= {"url": url} if url else {}
        payload |= {"miniprogram": dict(miniprogram)} if miniprogram else {}
        payload |= {"client_msg_id": client_msg_id} if client_msg_id else {}
        return text(self._client.raw("post", "/cgi-bin/message/template/send", payload=payload), "msgid", appid=self._appid)

    def send_service_message(self, openid: str, payload: Mapping[str, Any]) -> None:
        """Send inside an open window: {"msgtype": "text", "text": {"content": ...}}. There is no idempotency id, so never repeat it blindly.

        45015: no window is open; 45047: the open ones are used up.
        """
        self._client.raw("post", "/cgi-bin/message/custom/send", payload={"touser": openid, **payload})

    def send_subscribe(self, openid: str, template_id: str, data: Mapping[str, Any], *, page: str = "", state: str = "") -> str:
        """Send a subscription message that the person agreed to; returns its msgid, empty when WeChat tells none.

        `state` (developer, trial, formal) is for mini programs. 43101: not subscribed, or used up.
        """
        payload: dict[str, Any] = {"touser": openid, "template_id": template_id, "data": dict(data)}
        payload |= {"page": page} if page else {}
        if self.account.kind is AccountKind.MINI:
            # wechatpy's own call knows no state.
            payload |= {"miniprogram_state": state} if state else {}
            answer = self._client.raw("post", "/cgi-bin/message/subscribe/send", payload=payload)
        else:
            answer = self._client.message.send_subscribe_message(openid, template_id, dict(data), page=page or None)
        return str(answer.get("msgid", ""))
