"""The gateway: everything Fanka asks of WeChat for one account, and the one each process keeps per account."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from redis import Redis

from app.core.accounts import OpenAccount
from app.core.house import House
from app.wechat.areas.codes import Codes
from app.wechat.areas.followers import Followers
from app.wechat.areas.mass import Mass
from app.wechat.areas.media import Media
from app.wechat.areas.menus import Menus
from app.wechat.areas.messages import Messages
from app.wechat.areas.mini import Mini
from app.wechat.areas.tags import Tags
from app.wechat.shapes import FollowerPage, MassReceipt, MiniSession, Phone, QrTicket, Template, WeChatTag
from app.wechat.tokens import Kind, TokenKeeper, WeChatSource
from app.wechat.transport import ApiClient


class Gateway(Protocol):
    """WeChat for one account. Every method raises only `app.wechat.errors`; what each does is said in `app.wechat.areas`."""

    @property
    def account(self) -> OpenAccount: ...

    def check_token(self) -> None: ...
    def list_followers(self, next_openid: str = "") -> FollowerPage: ...
    def read_followers(self, openids: Sequence[str]) -> list[dict[str, Any]]: ...
    def read_follower(self, openid: str) -> dict[str, Any]: ...
    def list_tags(self) -> list[WeChatTag]: ...
    def create_tag(self, name: str) -> WeChatTag: ...
    def rename_tag(self, tag_id: int, name: str) -> None: ...
    def delete_tag(self, tag_id: int) -> None: ...
    def tag_followers(self, tag_id: int, openids: Sequence[str]) -> None: ...
    def untag_followers(self, tag_id: int, openids: Sequence[str]) -> None: ...
    def list_tag_followers(self, tag_id: int, next_openid: str = "") -> FollowerPage: ...
    def list_follower_tags(self, openid: str) -> list[int]: ...
    def push_menu(self, menu: Mapping[str, Any]) -> None: ...
    def push_conditional_menu(self, menu: Mapping[str, Any]) -> str: ...
    def read_menus(self) -> dict[str, Any]: ...
    def delete_conditional_menu(self, menu_id: str) -> None: ...
    def delete_menus(self) -> None: ...
    def match_menu(self, openid: str) -> list[dict[str, Any]]: ...
    def create_qr(self, scene: str | int, permanent: bool, expire_s: int = 0) -> QrTicket: ...  # noqa: FBT001
    def list_templates(self) -> list[Template]: ...
    def send_template(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, Any],
        *,
        url: str = "",
        miniprogram: Mapping[str, str] | None = None,
        client_msg_id: str = "",
    ) -> str: ...
    def send_service_message(self, openid: str, payload: Mapping[str, Any]) -> None: ...
    def send_subscribe(self, openid: str, template_id: str, data: Mapping[str, Any], *, page: str = "", state: str = "") -> str: ...
    def send_mass(
        self,
        payload: Mapping[str, Any],
        *,
        openids: Sequence[str] | None = None,
        tag_id: int | None = None,
        client_msg_id: str = "",
    ) -> MassReceipt: ...
    def read_mass_status(self, msg_id: str) -> str: ...
    def jscode_to_session(self, code: str) -> MiniSession: ...
    def read_phone(self, code: str, openid: str = "") -> Phone: ...
    def upload_media(self, kind: str, name: str, content: bytes) -> str: ...
    def jsapi_ticket(self) -> str: ...
    def card_ticket(self) -> str: ...
    def call(self, path: str, payload: Mapping[str, Any]) -> dict[str, Any]: ...


class Keeper(Protocol):
    """Who keeps tokens and tickets."""

    def token(self, account: OpenAccount) -> str: ...
    def drop(self, account: OpenAccount, token: str) -> None: ...
    def obtain(self, account: OpenAccount, kind: Kind) -> str: ...
    def check(self, account: OpenAccount) -> None: ...


class WeChatGateway(Followers, Tags, Menus, Codes, Messages, Mass, Mini, Media):
    """The gateway that speaks to WeChat, or to a sandbox, over HTTP. Threads may share one."""

    def __init__(self, client: ApiClient, keeper: Keeper) -> None:
        super().__init__(client)
        self._keeper = keeper

    def check_token(self) -> None:
        """Ask for a token now. AccountRefused explains a wrong AppID, secret or whitelist."""
        self._keeper.check(self.account)

    def jsapi_ticket(self) -> str:
        """The ticket that signs `wx.config`; shared by all processes for its two hours."""
        return self._keeper.obtain(self.account, "jsapi")

    def card_ticket(self) -> str:
        """The ticket that signs cards (`wx.addCard`); the same."""
        return self._keeper.obtain(self.account, "wx_card")

    def call(self, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """POST any call by its path from the root (`/card/create`); returns WeChat's answer as it is."""
        return self._client.raw("post", path, payload=payload)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


_held: dict[tuple[int, str, str, str], tuple[Redis, WeChatGateway]] = {}
_stand_in: Callable[[OpenAccount], Gateway] | None = None


def keeper_for(house: House) -> TokenKeeper:
    """The token keeper of a house."""
    source = WeChatSource(house.settings.wechat_api_url)
    return TokenKeeper(house.redis, house.settings.redis_prefix, ring=house.ring, source=source)


def gateway_for(house: House, account: OpenAccount) -> Gateway:
    """The gateway of an account: one per process, made anew when the account's settings have changed."""
    if _stand_in is not None:
        return _stand_in(account)
    # The process id keeps a child from using its parent's connections.
    key = (os.getpid(), house.settings.wechat_api_url, house.settings.redis_prefix, account.appid)
    redis, gateway = _held.get(key, (None, None))
    if gateway is None or redis is not house.redis or gateway.account != account:
        keeper = keeper_for(house)
        gateway = WeChatGateway(ApiClient(account, house.settings.wechat_api_url, keeper), keeper)
        _held[key] = (house.redis, gateway)
    return gateway


@contextmanager
def stand_in(make: Callable[[OpenAccount], Gateway]) -> Iterator[None]:
    """Let `gateway_for` hand out another gateway, such as the twin's, while the block runs."""
    global _stand_in
    before, _stand_in = _stand_in, make
    try:
        yield
    finally:
        _stand_in = before
