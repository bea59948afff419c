"""The account's menu: the one for everybody, and conditional ones for those who carry a tag."""

from collections.abc import Mapping
from typing import Any

from app.wechat.answers import mappings, text
from app.wechat.areas.base import Area
from app.wechat.errors import WeChatError

_NO_MENU = 46003


class Menus(Area):
    def push_menu(self, menu: Mapping[str, Any]) -> None:
        """Replace the menu: {"button": [...]}."""
        self._client.menu.create(dict(menu))

    def push_conditional_menu(self, menu: Mapping[str, Any]) -> str:
        """Add a menu for those who match its "matchrule"; returns its id."""
        return text(self._client.menu.add_conditional(dict(menu)), "menuid", appid=self._appid)

    def read_menus(self) -> dict[str, Any]:
        """{"menu": {...}, "conditionalmenu": [...]} as WeChat has them; empty when there are none."""
        try:
            return mappings([self._client.menu.get()], appid=self._appid)[0]
        except WeChatError as error:
            if error.code != _NO_MENU:
                raise
            return {}

    def delete_conditional_menu(self, menu_id: str) -> None:
        """Remove one conditional menu."""
        self._client.menu.del_conditional(menu_id)

    def delete_menus(self) -> None:
        """Remove the menu and with it every conditional one."""
        self._client.menu.delete()

    def match_menu(self, openid: str) -> list[dict[str, Any]]:
        """The buttons one follower sees."""
        return mappings(self._client.menu.try_match(openid).get("button"), appid=self._appid)
