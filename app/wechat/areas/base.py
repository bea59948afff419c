"""What every area of the gateway stands on: one client of one account."""

from app.core.accounts import OpenAccount
from app.wechat.transport import ApiClient


class Area:
    """A part of the gateway. Its methods raise only WeChatError."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @property
    def account(self) -> OpenAccount:
        """The account this gateway speaks for."""
        return self._client.account

    @property
    def _appid(self) -> str:
        return self._client.account.appid
