"""Menus of accounts: kept as data, compared with what WeChat shows, pushed to one account or many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core.accounts import OpenAccount
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.log import get_logger
from app.core.nouns import Account, AccountKind, AuditEntry
from app.core.unit import reading, work
from app.wechat.errors import WeChatError
from app.wechat.gateway import Gateway, gateway_for
from handlers.menu_buttons import Difference, check_buttons, differences, digest
from handlers.models import Menu

if TYPE_CHECKING:
    from app.core.house import House

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MenuState:
    """A stored menu beside what WeChat shows: `differences` is empty when they agree."""

    menu: Menu
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did on one account; `error` explains, Chinese first, why it stopped."""

    appid: str
    pushed: int = 0
    unchanged: int = 0
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error


def save_menu(session: Session, buttons: Any, *, account_id: int, house: "House", actor: str, wechat_tag_id: int | None = None) -> Menu:
    """Keep the default menu of an account, or the one for a WeChat tag. Raises BadRequestError, NotFoundError."""
    checked = check_buttons(buttons)
    account = session.get(Account, account_id)
    if account is None:
        raise NotFoundError("there is no such account", code="unknown_account")
    if AccountKind(account.kind) is AccountKind.MINI:
        raise BadRequestError("a mini program has no menu of this kind", code="bad_menu")
    if wechat_tag_id is not None and not 0 < wechat_tag_id < 1 << 31:
        raise BadRequestError("a WeChat tag id is a positive number", code="bad_menu")
    now = house.clock.now()
    menu = session.scalar(_of(account_id).where(Menu.wechat_tag_id.is_not_distinct_from(wechat_tag_id)).with_for_update())
    before = None if menu is None else menu.buttons
    if menu is None:
        menu = Menu(account_id=account_id, wechat_tag_id=wechat_tag_id, buttons=checked, changed_at=now)
        session.add(menu)
    else:
        menu.buttons, menu.changed_at = checked, now
    session.flush()
    _audit(session, menu, "menu.saved", {"before": before, "after": checked}, house=house, actor=actor)
    return menu


def list_menus(session: Session, *, account_id: int) -> list[Menu]:
    """The menus of an account, the default one first."""
    return list(session.scalars(_of(account_id).order_by(Menu.wechat_tag_id.nulls_first())))


def compare_menus(house: "House", account: OpenAccount, gateway: Gateway | None = None) -> list[MenuState]:
    """Every stored menu of an account beside what WeChat has now. Raises WeChatError."""
    with reading(house.engine) as session:
        menus = list_menus(session, account_id=account.id)
    theirs = _Theirs.read(gateway or gateway_for(house, account))
    return [MenuState(menu, differences(menu.buttons, theirs.of(menu))) for menu in menus]


def push_menus(house: "House", accounts: Sequence[OpenAccount], *, actor: str) -> list[Pushed]:
    """Push the stored menus of each account where WeChat shows something else. One account's refusal does not stop the others."""
    return [_push(house, account, gateway_for(house, account), actor=actor) for account in accounts]


def remove_menu(
    house: "House", account: OpenAccount, *, actor: str, wechat_tag_id: int | None = None, gateway: Gateway | None = None
) -> None:
    """Take a menu down on WeChat's side and forget it. Raises WeChatError, NotFoundError, ConflictError."""
    with reading(house.engine) as session:
        menus = list_menus(session, account_id=account.id)
    menu = next((each for each in menus if each.wechat_tag_id == wechat_tag_id), None)
    if menu is None:
        raise NotFoundError("there is no such menu", code="unknown_menu")
    if wechat_tag_id is None and len(menus) > 1:
        raise ConflictError("WeChat removes the conditional menus with the default one: remove them first", code="menu_in_use")
    speaker = gateway or gateway_for(house, account)
    if wechat_tag_id is None:
        speaker.delete_menus()
    elif menu.pushed_menu_id and menu.pushed_menu_id in _Theirs.read(speaker).conditional:
        speaker.delete_conditional_menu(menu.pushed_menu_id)
    with work(house.engine) as session:
        held = session.get(Menu, menu.id)
        if held is not None:
            _audit(session, held, "menu.removed", {"before": held.buttons}, house=house, actor=actor)
            session.delete(held)


@dataclass(frozen=True, slots=True)
class _Theirs:
    """The menus WeChat has."""

    default: list[dict[str, Any]]
    conditional: dict[str, list[dict[str, Any]]]

    @classmethod
    def read(cls, gateway: Gateway) -> "_Theirs":
        answer = gateway.read_menus()
        default = answer.get("menu") or {}
        conditional = answer.get("conditionalmenu") or []
        return cls(list(default.get("button") or []), {str(each.get("menuid")): list(each.get("button") or []) for each in conditional})

    def of(self, menu: Menu) -> list[dict[str, Any]]:
        return self.default if menu.wechat_tag_id is None else self.conditional.get(menu.pushed_menu_id or "", [])


def _push(house: "House", account: OpenAccount, gateway: Gateway, *, actor: str) -> Pushed:
    pushed = unchanged = 0
    try:
        for state in compare_menus(house, account, gateway):
            menu_id = state.menu.pushed_menu_id
            if state.differences:
                menu_id = _push_one(gateway, state.menu)
                pushed += 1
            else:
                unchanged += 1
            _settle(house, state.menu, menu_id=menu_id, changed=bool(state.differences), actor=actor)
    except WeChatError as error:
        log.warning("menu_refused", appid=account.appid, refusal=error.code, rid=error.rid)
        return Pushed(account.appid, pushed, unchanged, error.explained)
    return Pushed(account.appid, pushed, unchanged)


def _push_one(gateway: Gateway, menu: Menu) -> str | None:
    if menu.wechat_tag_id is None:
        gateway.push_menu({"button": menu.buttons})
        return None
    menu_id = gateway.push_conditional_menu({"button": menu.buttons, "matchrule": {"tag_id": str(menu.wechat_tag_id)}})
    if menu.pushed_menu_id:
        # The new one is up before the old one goes, so nobody sees the default menu in between.
        try:
            gateway.delete_conditional_menu(menu.pushed_menu_id)
        except WeChatError as error:
            log.warning("old_menu_left", refusal=error.code, rid=error.rid)
    return menu_id


def _settle(house: "House", menu: Menu, *, menu_id: str | None, changed: bool, actor: str) -> None:
    with work(house.engine) as session:
        held = session.get(Menu, menu.id, with_for_update=True)
        if held is None:
            return
        held.pushed_digest, held.pushed_menu_id = digest(menu.buttons), menu_id
        if changed or held.pushed_at is None:
            held.pushed_at = house.clock.now()
        if changed:
            _audit(session, held, "menu.pushed", {"digest": held.pushed_digest}, house=house, actor=actor)


def _of(account_id: int) -> Select[Menu]:
    return select(Menu).where(Menu.account_id == account_id)


def _audit(session: Session, menu: Menu, action: str, detail: dict[str, Any], *, house: "House", actor: str) -> None:
    session.add(
        AuditEntry(at=house.clock.now(), actor=actor, action=action, object_type="menu", object_id=str(menu.public_id), detail=detail)
    )
