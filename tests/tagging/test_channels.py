"""Channels: one code each whatever crashes, never more than there are, renewed, retired, taken over, changed without restart."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.unit import reading, work
from app.wechat.errors import Throttled, WeChatError
from app.wechat.twin.platform import Twin
from tagging.channels import (
    access_channel,
    change_channel,
    codes_left,
    create_channel,
    create_channels,
    declare_used,
    draft_channel,
    list_channels,
    renew_channels,
    retire_channel,
)
from tagging.models import QR_CODES_PER_ACCOUNT, Channel, Tag
from tests.tagging.steps import customers, fact, held, tags, tell

CREATE = "/cgi-bin/qrcode/create"


@pytest.fixture
def account(make_account):
    return make_account()


@pytest.fixture
def twin(house, account):
    platform = Twin(house.clock)
    platform.add_account(account)
    with platform.installed():
        yield platform


def asked(twin):
    return [code for _, path, code in twin.calls if path == CREATE]


def left(house, account):
    with reading(house.engine) as session:
        return codes_left(session, account.id)


def use_up(house, account, *, but):
    with work(house.engine) as session:
        declare_used(session, account.id, used=QR_CODES_PER_ACCOUNT - but)


def retire_it(house, made):
    with work(house.engine) as session:
        retire_channel(session, session.get_one(Channel, made.id), house=house, actor="Mei")


def test_a_channel_has_a_row_a_code_and_an_audit(house, account, twin):
    made = create_channel(house, account, draft_channel({"name": "东门海报"}), actor="Mei")
    assert made.ticket
    assert made.url
    assert made.scene.startswith("fk")
    assert (made.permanent, made.life_s, made.expires_at) == (True, None, None)
    assert left(house, account) == QR_CODES_PER_ACCOUNT - 1
    with reading(house.engine) as session:
        assert access_channel(session, made.public_id).name == "东门海报"
        assert session.scalar(text("SELECT action || ' ' || actor FROM audit_entry WHERE object_type = 'channel'")) == "channel.created Mei"


def test_a_crash_between_code_and_ticket_burns_no_second_code(house, account, twin):
    draft = draft_channel({"name": "poster"})
    twin.fail(CREATE, drop_after=True, times=1)
    with pytest.raises(WeChatError):
        create_channel(house, account, draft)
    with reading(house.engine) as session:
        (planned,) = list_channels(session, account_id=account.id)
    assert planned.ticket is None
    made = create_channel(house, account, draft)
    assert (made.id, made.scene) == (planned.id, planned.scene)
    assert left(house, account) == QR_CODES_PER_ACCOUNT - 1
    calls = len(twin.calls)
    assert create_channel(house, account, draft).id == made.id
    assert len(twin.calls) == calls


def test_what_a_crash_left_unmade_is_made_by_the_renewal(house, account, twin):
    twin.fail(CREATE, code=-1)
    with pytest.raises(WeChatError):
        create_channel(house, account, draft_channel({"name": "poster"}))
    twin._faults.clear()
    assert renew_channels(house) == 1
    with reading(house.engine) as session:
        assert list_channels(session)[0].ticket is not None
    assert renew_channels(house) == 0


def test_a_temporary_code_is_renewed_before_it_ends(house, account, twin):
    draft = draft_channel({"name": "fair", "permanent": False, "life_s": 7 * 86_400, "scene": "fair-1"})
    made = create_channel(house, account, draft)
    assert made.expires_at == house.clock.now() + timedelta(days=7)
    assert left(house, account) == QR_CODES_PER_ACCOUNT
    house.clock.advance(timedelta(days=3, hours=23))
    assert renew_channels(house) == 0
    house.clock.advance(timedelta(hours=1))
    assert renew_channels(house) == 1
    with reading(house.engine) as session:
        again = access_channel(session, made.public_id)
    assert again.expires_at == house.clock.now() + timedelta(days=7)
    assert (again.scene, again.id) == ("fair-1", made.id)
    retire_it(house, made)
    house.clock.advance(timedelta(days=7))
    assert renew_channels(house) == 0


def test_one_refused_account_does_not_stop_the_others(house, account, make_account, twin):
    other = make_account()
    twin.add_account(other)
    for each in (account, other):
        create_channel(house, each, draft_channel({"name": "fair", "permanent": False, "life_s": 3600}))
    del twin._known[account.appid]
    assert renew_channels(house) == 1
    assert twin.calls[-1][0] == other.appid


def test_the_last_code_is_given_once_to_many_at_a_time(house, account, twin):
    use_up(house, account, but=3)
    made, refused, start = [], [], threading.Barrier(8)

    def create(number):
        start.wait()
        try:
            made.append(create_channel(house, account, draft_channel({"name": f"poster {number}"})))
        except ConflictError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert refused == ["qr_codes_used_up"] * 5
    assert left(house, account) == 0
    assert len({each.scene for each in made}) == 3


def test_with_none_left_the_oldest_retired_code_is_taken_over_once(house, account, twin):
    first, second = (create_channel(house, account, draft_channel({"name": name})) for name in ("first", "second"))
    retire_it(house, first)
    house.clock.advance(timedelta(days=1))
    retire_it(house, second)
    use_up(house, account, but=0)
    calls = len(twin.calls)
    heirs = [create_channel(house, account, draft_channel({"name": name})) for name in ("third", "fourth")]
    assert [(each.scene, each.ticket) for each in heirs] == [(first.scene, first.ticket), (second.scene, second.ticket)]
    assert len(twin.calls) == calls
    with reading(house.engine) as session:
        assert session.get_one(Channel, first.id).reassigned_to_id == heirs[0].id
    with pytest.raises(ConflictError, match="100000"):
        create_channel(house, account, draft_channel({"name": "fifth"}))
    with reading(house.engine) as session:
        assert [each.name for each in list_channels(session, account_id=account.id)] == ["fourth", "third"]
        assert len(list_channels(session, account_id=account.id, retired=True)) == 4


def test_a_code_is_taken_over_by_a_channel_of_its_kind_alone(house, account, twin):
    poster, store = (create_channel(house, account, draft_channel({"name": kind, "kind": kind})) for kind in ("poster", "store"))
    assert (poster.scene[:7], store.scene[:6]) == ("poster:", "store:")
    for each in (poster, store):
        retire_it(house, each)
    use_up(house, account, but=0)
    assert create_channel(house, account, draft_channel({"name": "new", "kind": "store"})).scene == store.scene
    with pytest.raises(ConflictError) as refused:
        create_channel(house, account, draft_channel({"name": "plain"}))
    assert refused.value.code == "qr_codes_used_up"
    with pytest.raises(ConflictError) as refused:
        create_channel(house, account, draft_channel({"name": "new", "kind": "guide"}))
    assert refused.value.code == "channel_known"


def test_a_retired_scene_asked_for_is_taken_over_though_codes_are_left(house, account, twin):
    poster = create_channel(house, account, draft_channel({"name": "old", "scene": "east-gate"}))
    retire_it(house, poster)
    heir = create_channel(house, account, draft_channel({"name": "new", "scene": "east-gate"}))
    assert (heir.scene, heir.ticket) == ("east-gate", poster.ticket)
    assert left(house, account) == QR_CODES_PER_ACCOUNT - 1


@pytest.mark.parametrize(
    "again", [{"name": "poster", "permanent": False}, {"name": "poster", "scene": "s2"}, {"name": "another", "scene": "s1"}]
)
def test_names_and_scenes_belong_to_one_open_channel(house, account, twin, again):
    create_channel(house, account, draft_channel({"name": "poster", "scene": "s1"}))
    with pytest.raises(ConflictError) as refused:
        create_channel(house, account, draft_channel(again))
    assert refused.value.code == "channel_known"
    assert left(house, account) == QR_CODES_PER_ACCOUNT - 1


def test_many_at_once_go_on_where_they_stopped(house, account, twin):
    drafts = [draft_channel({"name": f"store {number}"}) for number in range(6)]
    with pytest.raises(RuntimeError):
        create_channels(house, account, drafts, progress=lambda done, total: (_ for _ in ()).throw(RuntimeError) if done == 3 else None)
    seen = []
    made = create_channels(house, account, drafts, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 6) for number in range(1, 7)]
    assert len({each.id for each in made}) == 6
    assert asked(twin) == [0] * 6
    assert left(house, account) == QR_CODES_PER_ACCOUNT - 6


def test_tags_of_a_channel_are_given_and_can_be_changed(house, account, twin):
    tags(house, "east", "west")
    with reading(house.engine) as session:
        public = {row.name: row.public_id for row in session.execute(select(Tag.name, Tag.public_id))}
    made = create_channel(house, account, draft_channel({"name": "gate", "tags": [str(public["east"])]}))
    lin, zhao = customers(house, account, 2)
    tell(house, fact(house, lin, "qr.scanned", 1, account.id, scene=made.scene, following=True))
    with work(house.engine) as session:
        channel = access_channel(session, made.public_id)
        change_channel(session, channel, house=house, actor="Mei", welcome={"type": "text", "text": "欢迎"}, tags=[public["west"]])
    tell(house, fact(house, zhao, "qr.scanned", 2, account.id, scene=made.scene, following=True))
    assert (held(house, lin[0]), held(house, zhao[0])) == ({"east"}, {"west"})
    with pytest.raises(NotFoundError), work(house.engine) as session:
        change_channel(session, access_channel(session, made.public_id), house=house, actor="Mei", welcome=None, tags=[made.public_id])


@pytest.mark.parametrize(
    ("draft", "where"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "x", "scene": ""}, "scene"),
        ({"name": "x", "scene": "s" * 65}, "scene"),
        ({"name": "x", "scene": "a b"}, "scene"),
        ({"name": "x", "permanent": False, "life_s": 2_592_001}, "life_s"),
        ({"name": "x", "welcome": {"type": "text", "text": "长" * 6000}}, "welcome"),
        ({"name": "x", "tags": ["nope"]}, "tags.0"),
        ({"name": "x", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_draft_is_refused_by_field(draft, where):
    with pytest.raises(BadRequestError) as refused:
        draft_channel(draft)
    assert refused.value.code == "bad_channel"
    assert refused.value.detail.startswith(where)


def test_only_service_accounts_have_codes(house, make_account):
    with pytest.raises(BadRequestError) as refused:
        create_channel(house, make_account(kind="mini"), draft_channel({"name": "x"}))
    assert refused.value.code == "no_codes_here"


def test_codes_made_elsewhere_are_declared_and_never_forgotten(house, account, twin, session):
    declare_used(session, account.id, used=700)
    declare_used(session, account.id, used=5)
    assert codes_left(session, account.id) == QR_CODES_PER_ACCOUNT - 700
    with pytest.raises(BadRequestError):
        declare_used(session, account.id, used=QR_CODES_PER_ACCOUNT + 1)


def test_throttling_is_told_to_who_asked(house, account, twin):
    twin.fail(CREATE, code=45009)
    with pytest.raises(Throttled):
        create_channel(house, account, draft_channel({"name": "poster"}))
