"""Tags on both stages: limits of an account, of a person, of a batch."""

import pytest

from app.core.accounts import OpenAccount
from app.wechat.errors import BadPayload, RecipientRefused
from app.wechat.gateway import Gateway
from tests.contracts.refusals import refused
from tests.contracts.stages import Stage


def test_a_tag_lives_from_creation_to_deletion(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin, zhao = stage.follow(service, "Lin"), stage.follow(service, "Zhao")
    tag = shop.create_tag("金卡会员")
    assert (tag.name, tag.count) == ("金卡会员", 0)
    shop.tag_followers(tag.tag_id, [lin, zhao])
    assert [(each.tag_id, each.name, each.count) for each in shop.list_tags()] == [(tag.tag_id, "金卡会员", 2)]
    assert shop.list_follower_tags(lin) == [tag.tag_id]
    assert shop.read_follower(lin)["tagid_list"] == [tag.tag_id]
    page = shop.list_tag_followers(tag.tag_id)
    assert (page.openids, page.total) == (sorted([lin, zhao]), 2)
    assert shop.list_tag_followers(tag.tag_id, page.openids[0]).openids == page.openids[1:]
    shop.untag_followers(tag.tag_id, [zhao])
    assert shop.list_tag_followers(tag.tag_id).openids == [lin]
    shop.rename_tag(tag.tag_id, "银卡会员")
    assert [each.name for each in shop.list_tags()] == ["银卡会员"]
    shop.delete_tag(tag.tag_id)
    assert (shop.list_tags(), shop.list_follower_tags(lin)) == ([], [])


def test_names_are_bounded_and_unique(shop: Gateway) -> None:
    shop.create_tag("会员")
    for name, code in (("会员", 45157), ("", 45157), ("  ", 45157), ("长" * 31, 45158)):
        with refused(BadPayload, code):
            shop.create_tag(name)
    other = shop.create_tag("访客")
    with refused(BadPayload, 45157):
        shop.rename_tag(other.tag_id, "会员")
    shop.rename_tag(other.tag_id, "访客")


def test_an_account_has_a_hundred_tags(shop: Gateway) -> None:
    for number in range(100):
        shop.create_tag(f"tag {number}")
    with refused(BadPayload, 45056):
        shop.create_tag("one more")


def test_a_person_has_twenty(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin = stage.follow(service, "Lin")
    tags = [shop.create_tag(f"tag {number}").tag_id for number in range(21)]
    for tag_id in tags[:20]:
        shop.tag_followers(tag_id, [lin])
    with refused(RecipientRefused, 45059):
        shop.tag_followers(tags[20], [lin])
    shop.tag_followers(tags[0], [lin])
    assert shop.list_follower_tags(lin) == tags[:20]


@pytest.mark.parametrize("call", ["tag_followers", "untag_followers"])
def test_a_batch_has_fifty(stage: Stage, service: OpenAccount, shop: Gateway, call: str) -> None:
    lin = stage.follow(service, "Lin")
    tag = shop.create_tag("会员")
    act = getattr(shop, call)
    act(tag.tag_id, [lin] * 50)
    for openids in ([lin] * 51, []):
        with refused(BadPayload, 40032):
            act(tag.tag_id, openids)
    stage.unfollow(service, "Lin")
    for openid in (lin, "o" + "x" * 27):
        with refused(RecipientRefused, 40003):
            act(tag.tag_id, [openid])


def test_the_systems_tags_and_unknown_ones_are_not_ours(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin = stage.follow(service, "Lin")
    for tag_id, code in ((0, 45058), (1, 45058), (2, 45058), (9999, 45159)):
        for act in (
            lambda n: shop.rename_tag(n, "x"),
            shop.delete_tag,
            lambda n: shop.tag_followers(n, [lin]),
            lambda n: shop.untag_followers(n, [lin]),
        ):
            with refused(BadPayload, code):
                act(tag_id)
