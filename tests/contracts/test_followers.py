"""Followers, tokens and tickets, on both stages."""

import pytest

from app.core.accounts import OpenAccount
from app.core.nouns import AccountKind
from app.wechat.errors import AccountRefused, BadPayload, RecipientRefused, Throttled, Transient, Unanswered
from app.wechat.gateway import Gateway
from tests.contracts.refusals import refused
from tests.contracts.stages import Stage, account_of, wrong_secret

NOBODY = "o" + "x" * 27


def test_followers_are_listed_with_the_page_after_the_last(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    assert shop.list_followers().openids == []
    openids = sorted(stage.follow(service, person) for person in ("Lin", "Zhao", "Chen"))
    stage.unfollow(service, "Chen")
    page = shop.list_followers()
    assert (page.total, len(page.openids)) == (2, 2)
    assert set(page.openids) < set(openids)
    assert page.openids == sorted(page.openids)
    assert shop.list_followers(page.openids[0]).openids == page.openids[1:]
    last = shop.list_followers(page.openids[1])
    assert (last.openids, last.next_openid) == ([], "")
    with refused(RecipientRefused, 40003):
        shop.list_followers(NOBODY)


def test_info_tells_scene_and_unionid(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    by_code = shop.read_follower(stage.follow(service, "Lin", scene="spring_sale"))
    assert (by_code["subscribe"], by_code["subscribe_scene"], by_code["qr_scene_str"]) == (1, "ADD_SCENE_QR_CODE", "spring_sale")
    assert by_code["subscribe_time"] > 0
    numbered = shop.read_follower(stage.follow(service, "Zhao", scene="42"))
    assert (numbered["qr_scene"], numbered["qr_scene_str"]) == (42, "")
    assert len({by_code["unionid"], numbered["unionid"]}) == 2
    stage.unfollow(service, "Lin")
    gone = shop.read_follower(by_code["openid"])
    assert gone["subscribe"] == 0
    assert "subscribe_time" not in gone


def test_one_person_has_one_unionid_and_two_openids(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    other = stage.join(account_of(AccountKind.SERVICE, 1))
    first, second = stage.follow(service, "Lin"), stage.follow(other, "Lin")
    assert first != second
    assert shop.read_follower(first)["unionid"] == stage.gateway(other).read_follower(second)["unionid"]
    with refused(RecipientRefused, 40003):
        shop.read_follower(second)


def test_info_comes_in_batches_of_a_hundred(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    openids = [stage.follow(service, person) for person in ("Lin", "Zhao")]
    assert [info["openid"] for info in shop.read_followers(openids)] == openids
    assert len(shop.read_followers(openids * 50)) == 100
    for size in (101, 0):
        with refused(BadPayload, 40032):
            shop.read_followers((openids * 51)[:size])
    with refused(RecipientRefused, 40003):
        shop.read_followers([NOBODY])


def test_a_mini_program_has_no_followers(stage: Stage, mini: OpenAccount) -> None:
    with refused(AccountRefused, 48001):
        stage.gateway(mini).list_followers()


def test_an_expired_token_costs_one_repeat(stage: Stage, shop: Gateway, service: OpenAccount) -> None:
    shop.list_tags()
    stage.expire_tokens(service)
    assert shop.list_tags() == []
    assert stage.calls("/cgi-bin/tags/get") == 3


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_token_refused_for_good_ends_after_one_repeat(stage: Stage, shop: Gateway, code: int) -> None:
    stage.fail("/cgi-bin/tags/get", code=code, times=9)
    with refused(Transient, code):
        shop.list_tags()
    assert stage.calls("/cgi-bin/tags/get") == 2


@pytest.mark.parametrize(("code", "kind"), [(48001, AccountRefused), (45009, Throttled), (-1, Transient), (50002, AccountRefused)])
def test_other_refusals_are_not_repeated(stage: Stage, shop: Gateway, code: int, kind: type) -> None:
    stage.fail("/cgi-bin/tags/get", code=code, times=9)
    with refused(kind, code) as caught:
        shop.list_tags()
    assert caught.value.rid
    assert caught.value.appid == shop.account.appid
    assert stage.calls("/cgi-bin/tags/get") == 1


@pytest.mark.parametrize("before", [True, False])
def test_a_lost_connection_leaves_the_outcome_open(stage: Stage, shop: Gateway, before: bool) -> None:
    shop.list_tags()
    stage.fail("/cgi-bin/tags/create", drop_before=before, drop_after=not before)
    with pytest.raises(Unanswered) as caught:
        shop.create_tag("会员")
    assert not caught.value.outcome_known
    assert [tag.name for tag in shop.list_tags()] == ([] if before else ["会员"])


def test_the_token_check_names_what_is_wrong(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    shop.check_token()
    with refused(AccountRefused, 40001):
        stage.gateway(wrong_secret(service)).check_token()
    with refused(AccountRefused, 40013):
        stage.gateway(account_of(AccountKind.SERVICE, 7)).check_token()


def test_tickets_are_two_and_stay_the_same(shop: Gateway) -> None:
    assert shop.jsapi_ticket() == shop.jsapi_ticket() != shop.card_ticket() == shop.card_ticket()


def test_a_path_nobody_knows_is_an_error_of_ours(shop: Gateway) -> None:
    with refused(Transient, -1):
        shop.call("/cgi-bin/no/such/call", {})
