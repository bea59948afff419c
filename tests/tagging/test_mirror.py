"""Tags carried to WeChat, against a WeChat that answers over HTTP: only differences are sent, and a run cut off anywhere is gone on with."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.core.errors import BadRequestError, NotFoundError
from app.core.followers import Sighting, meet
from app.core.unit import reading, work
from app.wechat.errors import WeChatError
from app.wechat.gateway import gateway_for
from jobs import schedule
from tagging.mirror import end_mirror, list_mirrors, mirror_tag, sweep_tag_mirrors
from tagging.models import Tag
from tagging.tags import define_tag, find_tag, tag_customers, untag_customers
from tests.tagging.steps import tags

ON, OFF = "/cgi-bin/tags/members/batchtagging", "/cgi-bin/tags/members/batchuntagging"
TEA = "爱喝茶"


@pytest.fixture
def account(house, sandbox, make_account):
    account = make_account()
    sandbox.add_account(account)
    tags(house, TEA, "新")
    return account


@pytest.fixture
def gateway(house, account):
    return gateway_for(house, account)


def follow(house, sandbox, account, number):
    """So many people follow, at WeChat and here; their openids, and their customers by openid."""
    people = sandbox.add_people(*(f"P{each}" for each in range(number)))
    sandbox.control("act", [{"person": each["id"], "appid": account.appid, "do": "follow", "how": "search"} for each in people])
    openids = sorted(gateway_for(house, account).list_followers().openids)
    now = house.clock.now()
    with work(house.engine) as session:
        met = meet(session, [Sighting(account.id, account.appid, openid) for openid in openids], now=now).values()
        for follower in met:
            follower.state, follower.state_at = "following", now
        return openids, {follower.openid: follower.customer_id for follower in met}


def give(house, customer_ids, name=TEA, **more):
    with work(house.engine) as session:
        tag_customers(session, find_tag(session, name), customer_ids=customer_ids, actor="Mei", now=house.clock.now(), **more)


def calls(sandbox):
    with sandbox.log.open() as lines:
        found = [json.loads(line) for line in lines]
    return Counter(each["path"] for each in found if each["type"] == "call" and each["path"] in {ON, OFF})


def carriers(gateway, wechat_tag_id):
    return set(gateway.list_tag_followers(wechat_tag_id).openids)


def mirrors(house):
    with reading(house.engine) as session:
        return [mirror for mirror, _ in list_mirrors(session)]


def test_only_the_difference_is_sent_in_batches_of_fifty_and_what_was_cut_off_is_gone_on_with(house, sandbox, account, gateway):
    openids, customers = follow(house, sandbox, account, 53)
    stranger, *fans = openids
    known = gateway.create_tag(TEA).tag_id
    gateway.tag_followers(known, [stranger])
    give(house, [customers[each] for each in fans])
    held = mirror_tag(house, account, TEA, actor="Mei")
    assert held.wechat_tag_id == known, "the tag of that name is taken over"
    before = calls(sandbox)
    # The first batch is carried out and its answer lost, as when the process is killed there.
    sandbox.control("faults", {"path": ON, "times": 1, "drop_after_accept": True})
    sweep_tag_mirrors(house)
    assert mirrors(house)[0].problem
    assert len(carriers(gateway, known)) == 50
    house.clock.advance(timedelta(hours=1))
    assert sweep_tag_mirrors(house) == 2
    assert carriers(gateway, known) == set(fans)
    assert calls(sandbox) - before == Counter({ON: 2, OFF: 1})
    (mirror,) = mirrors(house)
    assert (mirror.members, mirror.waiting, mirror.skipped, mirror.problem) == (52, 0, 0, "")
    assert sweep_tag_mirrors(house) == 0
    assert calls(sandbox) - before == Counter({ON: 2, OFF: 1}), "nobody changed, nothing is sent"


def test_what_ends_here_ends_there(house, sandbox, account, gateway):
    openids, customers = follow(house, sandbox, account, 5)
    gone, erased, taken, brief, stays = openids
    give(house, [customers[each] for each in openids if each != brief])
    give(house, [customers[brief]], expires_at=house.clock.now() + timedelta(hours=1))
    number = mirror_tag(house, account, TEA, actor="Mei").wechat_tag_id
    schedule.carry()
    assert carriers(gateway, number) == set(openids)
    with work(house.engine) as session:
        untag_customers(session, find_tag(session, TEA), customer_ids=[customers[taken]], actor="Mei", now=house.clock.now())
        session.execute(text("UPDATE follower SET state = 'gone' WHERE openid = :who"), {"who": gone})
        session.execute(text("UPDATE follower SET openid = NULL, erased_at = now() WHERE openid = :who"), {"who": erased})
    house.clock.advance(timedelta(hours=1))
    schedule.carry()
    assert carriers(gateway, number) == {stays}
    with work(house.engine) as session:
        end_mirror(session, account, TEA, actor="Mei", now=house.clock.now())
    schedule.carry()
    assert carriers(gateway, number) == set()
    house.clock.advance(timedelta(hours=1))
    schedule.carry()
    assert mirrors(house) == []
    assert [each.name for each in gateway.list_tags() if each.tag_id == number] == [TEA], "a menu may name it"
    assert "jobs.schedule.carry" in {entry.function for entry in schedule.TIMETABLE}


def test_who_has_twenty_tags_is_left_out_alone_and_a_run_ends_with_its_time(house, sandbox, account, gateway):
    openids, customers = follow(house, sandbox, account, 5)
    full = openids[2]
    for number in range(20):
        gateway.tag_followers(gateway.create_tag(f"t{number}").tag_id, [full])
    give(house, customers.values())
    number = mirror_tag(house, account, TEA, actor="Mei").wechat_tag_id
    assert sweep_tag_mirrors(house, run_for_s=0) == 0
    assert sweep_tag_mirrors(house) == 4
    assert carriers(gateway, number) == set(openids) - {full}
    assert (mirrors(house)[0].skipped, mirrors(house)[0].waiting) == (1, 0)


def test_what_wechat_or_the_house_does_not_allow_is_refused_and_leaves_nothing(house, sandbox, account, gateway, make_account):
    with work(house.engine) as session:
        define_tag(session, "孕期", sensitive=True, now=house.clock.now())
    sandbox.control("settings", {"quota": {"tags": 1}})
    mirror_tag(house, account, TEA, actor="Mei")
    with pytest.raises(WeChatError) as refused:
        mirror_tag(house, account, "新", actor="Mei")
    assert refused.value.code == 45056
    for name, where, error in (
        ("孕期", account, BadRequestError),
        (TEA, make_account(kind="mini"), BadRequestError),
        ("无", account, NotFoundError),
    ):
        with pytest.raises(error):
            mirror_tag(house, where, name, actor="Mei")
    with reading(house.engine) as session:
        assert [mirror.tag_id for mirror, _ in list_mirrors(session)] == [session.scalar(select(Tag.id).where(Tag.name == TEA))]
        noted = session.scalars(text("SELECT action FROM audit_entry WHERE action LIKE 'tag.mirror%'")).all()
    assert noted == ["tag.mirrored"]
