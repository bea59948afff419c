"""Menus from the database to WeChat and back, over HTTP against the platform on loopback."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.core.accounts import OpenAccount
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.house import House
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from app.wechat.gateway import gateway_for
from handlers.menu_buttons import digest
from handlers.menus import compare_menus, list_menus, push_menus, remove_menu, save_menu
from handlers.models import Menu
from tests.support.sandbox import Sandbox

CLICK = {"type": "click", "name": "优惠券", "key": "MENU_COUPON"}
VIEW = {"type": "view", "name": "商城", "url": "https://shop.example/"}


@pytest.fixture
def account(sandbox: Sandbox, make_account: Callable[..., OpenAccount]) -> OpenAccount:
    made = make_account()
    sandbox.add_account(made)
    return made


def save(house: House, account: OpenAccount, *buttons: dict[str, Any], tag: int | None = None) -> Menu:
    with work(house.engine) as session:
        return save_menu(session, list(buttons), account_id=account.id, house=house, actor="Mei", wechat_tag_id=tag)


def stored(house: House, account: OpenAccount) -> list[Menu]:
    with reading(house.engine) as session:
        return list_menus(session, account_id=account.id)


def test_a_menu_is_pushed_once_and_again_when_it_changes(house: House, account: OpenAccount) -> None:
    save(house, account, CLICK)
    (state,) = compare_menus(house, account)
    assert [difference.place for difference in state.differences] == ["1"]
    (first,) = push_menus(house, [account], actor="Mei")
    assert (first.ok, first.pushed, first.unchanged) == (True, 1, 0)
    (menu,) = stored(house, account)
    assert (menu.pushed_at, menu.pushed_digest) == (house.clock.now(), digest([CLICK]))
    (again,) = push_menus(house, [account], actor="Mei")
    assert (again.pushed, again.unchanged) == (0, 1)
    save(house, account, CLICK, VIEW)
    (changed,) = push_menus(house, [account], actor="Mei")
    assert changed.pushed == 1
    assert [button["name"] for button in gateway_for(house, account).read_menus()["menu"]["button"]] == ["优惠券", "商城"]


def test_what_somebody_changed_in_the_console_is_seen_and_mended(house: House, account: OpenAccount) -> None:
    save(house, account, CLICK)
    push_menus(house, [account], actor="Mei")
    gateway_for(house, account).push_menu({"button": [VIEW]})
    (state,) = compare_menus(house, account)
    (difference,) = state.differences
    assert (difference.ours, difference.theirs) == (CLICK, VIEW)
    (mended,) = push_menus(house, [account], actor="Mei")
    assert mended.pushed == 1
    assert compare_menus(house, account)[0].differences == []


def test_a_conditional_menu_replaces_its_old_self(house: House, account: OpenAccount) -> None:
    gateway = gateway_for(house, account)
    tag_id = gateway.create_tag("会员").tag_id
    save(house, account, CLICK)
    save(house, account, VIEW, tag=tag_id)
    (first,) = push_menus(house, [account], actor="Mei")
    assert (first.ok, first.pushed) == (True, 2)
    save(house, account, VIEW, CLICK, tag=tag_id)
    (second,) = push_menus(house, [account], actor="Mei")
    assert (second.pushed, second.unchanged) == (1, 1)
    (theirs,) = gateway.read_menus()["conditionalmenu"]
    assert len(theirs["button"]) == 2
    assert str(theirs["menuid"]) == stored(house, account)[1].pushed_menu_id
    with pytest.raises(ConflictError):
        remove_menu(house, account, actor="Mei")
    remove_menu(house, account, actor="Mei", wechat_tag_id=tag_id)
    assert "conditionalmenu" not in gateway.read_menus()
    remove_menu(house, account, actor="Mei")
    assert not gateway.read_menus()
    assert stored(house, account) == []
    with pytest.raises(NotFoundError):
        remove_menu(house, account, actor="Mei")


def test_one_refused_account_does_not_stop_the_other(house: House, account: OpenAccount, make_account: Callable[..., OpenAccount]) -> None:
    stranger = make_account()
    save(house, stranger, CLICK)
    save(house, account, CLICK)
    refused, pushed = push_menus(house, [stranger, account], actor="Mei")
    assert (refused.ok, refused.appid) == (False, stranger.appid)
    assert refused.error
    assert pushed.ok
    assert stored(house, stranger)[0].pushed_at is None
    assert stored(house, account)[0].pushed_at is not None


def test_changes_are_audited_and_bad_ones_refused(house: House, account: OpenAccount, make_account: Callable[..., OpenAccount]) -> None:
    save(house, account, CLICK)
    save(house, account, VIEW)
    push_menus(house, [account], actor="Chen")
    with reading(house.engine) as session:
        trail = [
            (entry.actor, entry.action)
            for entry in session.scalars(select(AuditEntry).where(AuditEntry.action != "account.added").order_by(AuditEntry.id))
        ]
    assert trail == [("Mei", "menu.saved"), ("Mei", "menu.saved"), ("Chen", "menu.pushed")]
    with pytest.raises(BadRequestError):
        save(house, make_account(kind="mini"), CLICK)
    with pytest.raises(BadRequestError):
        save(house, account, CLICK, tag=0)
    with pytest.raises(NotFoundError), work(house.engine) as session:
        save_menu(session, [CLICK], account_id=10**12, house=house, actor="Mei")
