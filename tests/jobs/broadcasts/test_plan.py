"""Planning: checked against WeChat's rules before anything is stored, and once under one key."""

import threading
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import AuditEntry
from app.core.unit import reading, work
from jobs.broadcasts.plan import plan_broadcast, read_plan
from jobs.models import Broadcast, BroadcastAccount


def parts(stage, broadcast):
    with reading(stage.house.engine) as session:
        return session.scalars(
            select(BroadcastAccount).where(BroadcastAccount.broadcast_id == broadcast.id).order_by(BroadcastAccount.account_id)
        ).all()


def test_one_content_becomes_each_accounts_own_message(stage, make_account):
    first, second = make_account(), make_account()
    body = stage.body(first, second)
    body["accounts"][1] = {
        "appid": second.appid,
        "template_id": "other",
        "fields": {"phrase3": "how", "thing9": "what", "date1": "when"},
        "url": "https://shop.example/points",
        "miniprogram": {"appid": "wxmini", "pagepath": "pages/points"},
    }
    body["content"]["how"] = "即将到期"
    other = SimpleNamespace(template_id="other", title="到期", content="{{phrase3.DATA}} {{thing9.DATA}} {{date1.DATA}} {{remark.DATA}}")
    catalogue = {first.id: [stage.template], second.id: [other]}
    broadcast = stage.plan(body=body, catalogue=catalogue)
    mine, theirs = parts(stage, broadcast)
    assert mine.message == {"template_id": "tpl-1", "data": {"thing1": {"value": "您的积分即将到期"}, "time2": {"value": "2026年11月30日"}}}
    assert theirs.message == {
        "template_id": "other",
        "data": {"phrase3": {"value": "即将到期"}, "thing9": {"value": "您的积分即将到期"}, "date1": {"value": "2026年11月30日"}},
        "url": "https://shop.example/points",
        "miniprogram": {"appid": "wxmini", "pagepath": "pages/points"},
    }


def test_the_same_key_finds_the_same_broadcast_and_another_plan_is_refused(stage, make_account):
    account = make_account()
    body = stage.body(account)
    first = stage.plan(body=body)
    assert stage.plan(body=body).id == first.id
    with pytest.raises(ConflictError, match="key"):
        stage.plan(body={**body, "name": "另一个"})
    with reading(stage.house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Broadcast)) == 1
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "broadcast.plan")).one()
        assert (entry.actor, entry.object_id) == ("mei", str(first.public_id))


def test_two_who_plan_under_one_key_at_once_get_one_broadcast(stage, make_account):
    account = make_account()
    body = stage.body(account)
    ready, ids = threading.Barrier(4), []

    def plan():
        ready.wait()
        ids.append(stage.plan(body=body).id)

    threads = [threading.Thread(target=plan) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1


def test_marketing_in_templates_is_refused_with_the_reason(stage, make_account):
    account = make_account()
    with pytest.raises(BadRequestError, match="服务通知") as refused:
        stage.plan(account, purpose="marketing")
    assert refused.value.code == "purpose_refused"
    assert "mass message" in refused.value.detail


@pytest.mark.parametrize("kind", ["subscription", "mini"])
def test_only_service_accounts_have_template_messages(stage, make_account, kind):
    with pytest.raises(BadRequestError) as refused:
        stage.plan(make_account(kind=kind))
    assert refused.value.code == "wrong_kind"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"content": {"what": "二" * 21, "when": "18:30"}}, "thing1: 最多 20 个字符, 现有 21"),
        ({"content": {"what": "好", "when": "soon"}}, "time2: 24 小时制时间"),
        ({"fields": {"thing1": "what"}, "content": {"what": "好"}}, "time2: 没有对应内容"),
        ({"fields": {"thing1": "what", "time2": "where"}}, "time2: 内容里没有 where"),
        ({"fields": {"thing1": "what", "time2": "when", "thing7": "what"}}, "thing7: 模板没有这个字段"),
        (
            {"fields": {"thing1": "what", "time2": "when", "first": "what"}, "template": "{{first.DATA}}{{thing1.DATA}}{{time2.DATA}}"},
            "first: 平台",
        ),
        ({"template_id": "gone"}, "没有模板 gone"),
    ],
)
def test_content_is_checked_against_the_accounts_own_template(stage, make_account, change, told):
    account = make_account(name="旗舰店")
    body = stage.body(account)
    part = body["accounts"][0]
    part["fields"] = change.get("fields", part["fields"])
    part["template_id"] = change.get("template_id", part["template_id"])
    body["content"] = change.get("content", body["content"])
    if "where" in part["fields"].values():
        part["fields"]["thing1"] = "what"
        body["content"] = {"what": "好"}
    template = SimpleNamespace(template_id="tpl-1", title="积分", content=change.get("template", stage.template.content))
    with pytest.raises(BadRequestError) as refused:
        stage.plan(body=body, catalogue={account.id: [template]})
    assert told in refused.value.detail
    assert "旗舰店" in refused.value.detail
    with reading(stage.house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Broadcast)) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": "with space"}, "key"),
        ({"purpose": "fun"}, "purpose"),
        ({"content": {}}, "content"),
        ({"content": {"what": "好", "when": "18:30", "spare": "x"}}, "spare"),
        ({"accounts": []}, "accounts"),
        ({"control_percent": 51}, "control_percent"),
        ({"scheduled_at": "2026-11-22T10:00:00"}, "scheduled_at"),
        ({"quiet_from": "22:00"}, "quiet_to"),
        ({"grace_s": 1}, "grace_s"),
        ({"surprise": 1}, "surprise"),
        ({"carrier": "pigeon"}, "pigeon"),
        ({"segment": {"all": []}}, "all"),
        ({"quiet_from": "25:00", "quiet_to": "08:00"}, "25:00"),
    ],
)
def test_a_plan_that_is_wrong_names_what_is(stage, make_account, change, told):
    body = {**stage.body(make_account()), **change}
    with pytest.raises(BadRequestError) as refused:
        stage.plan(body=body)
    assert told in refused.value.detail


def test_an_account_twice_an_unknown_one_and_no_plan_at_all_are_refused(stage, make_account):
    account = make_account()
    with pytest.raises(BadRequestError, match="twice"):
        stage.plan(account, account)
    body = stage.body(account)
    body["accounts"][0]["appid"] = "wxnobody"
    with pytest.raises(BadRequestError, match="wxnobody"):
        stage.plan(body=body)
    with pytest.raises(BadRequestError, match="plan"):
        read_plan([1, 2])


def test_a_segment_that_names_nothing_is_refused(stage, make_account):
    account = make_account()
    with pytest.raises(NotFoundError):
        stage.plan(account, segment={"kind": "follows_account", "account": "wxnobody"})


def test_nothing_of_a_plan_stays_when_its_transaction_fails(stage, make_account):
    account = make_account()
    plan = read_plan(stage.body(account))
    with pytest.raises(RuntimeError, match="away"), work(stage.house.engine) as session:
        plan_broadcast(
            session,
            plan,
            accounts={account.appid: account},
            catalogue={account.id: [stage.template]},
            actor="mei",
            now=stage.house.clock.now(),
        )
        raise RuntimeError("away")
    with reading(stage.house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Broadcast)) == 0
