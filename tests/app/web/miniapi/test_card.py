"""A card opened from a mini program: with its gift, once, with the phone WeChat vouches for, and for nobody else."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core.facts import FactRow
from app.core.nouns import AuditEntry, Customer, Follower
from app.core.unit import reading, work
from app.factory import create_app
from app.web.miniapi.tokens import Held, Seals
from cards.enrolment import enrol
from cards.ledger.verify import verify
from cards.models.crm import CrmQuestion
from cards.models.ledger import Wallet
from cards.models.membership import CardPath, MemberCard
from cards.phones import find_by_phone
from tests.support.cast import LIN
from tests.support.crm import Crm
from tests.support.crowds import crowded, together
from tests.support.stories import hear, said


def count(house, table):
    with reading(house.engine) as session:
        return session.scalar(select(func.count()).select_from(table))


def holder(house, mini, who="Lin"):
    with reading(house.engine) as session:
        return [each.id for each in find_by_phone(session, house.ring, mini.people[who]["phone"])]


def test_a_card_opens_with_its_gift_and_is_shown(mini, house, capsys):
    token = mini.token("Lin")
    assert mini.read(token).get_json()["code"] == "no_card"
    code = mini.code("Lin", "phone_code")
    opened = mini.open(token, code)
    told = opened.get_json()
    assert (opened.status_code, told["new"], told["gift_points"], told["points"], told["phone_bound"]) == (201, True, 200, 200, True)
    assert (told["tier"]["name"], told["next"]["name"], told["pending"]) == ("普卡", "银卡", 0)
    shown = mini.read(token)
    assert (shown.status_code, shown.get_json()) == (200, {name: told[name] for name in shown.get_json()})
    # The answer was lost: the same call again, with a code that is used by now.
    again = mini.open(token, code)
    assert (again.status_code, again.get_json()) == (200, {**told, "new": False, "gift_points": 0})
    assert mini.session(mini.code("Lin")).get_json()["member"] is True
    with reading(house.engine) as session:
        card = session.scalars(select(MemberCard)).one()
        follower = session.scalars(select(Follower)).one()
        assert (card.opened_by, follower.customer_id) == (CardPath.MINI, card.customer_id)
        assert follower.unionid is not None
        fact = session.scalars(select(FactRow).where(FactRow.kind == "privacy.accepted")).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "privacy.accepted")).one()
        assert fact.data == entry.detail == {"version": "2026-11", "purpose": "membership", "via": "mini"}
        assert verify(session) == []
        secrets = (follower.openid, follower.unionid, mini.people["Lin"]["phone"], token, code)
    assert holder(house, mini) == [card.customer_id]
    printed = capsys.readouterr()
    for secret in secrets:
        assert secret not in opened.get_data(as_text=True) + shown.get_data(as_text=True)
        assert secret not in printed.out + printed.err


def test_ten_at_once_open_one_card(mini, house):
    token = mini.token("Lin")
    codes = [mini.code("Lin", "phone_code") for _ in range(10)]
    with crowded(house, 10) as crowd:
        application = create_app(crowd)

        def press(place):
            return mini.open(token, codes[place], web=application.test_client())

        answers = together(crowd, 10, press, table="member_card")
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.get_json()["number"] for answer in answers}) == 1
    assert count(house, MemberCard) == 1
    with reading(house.engine) as session:
        assert session.scalar(select(func.sum(Wallet.active)).where(Wallet.kind == "points")) == 200


def test_an_old_member_is_bound_by_the_phone(mini, house):
    with work(house.engine) as session:
        common = {"registry": house.registry, "actor": "Chen", "now": house.clock.now(), "path": CardPath.CLERK}
        phone, programme = mini.people["Lin"]["phone"], mini.counter.programme_id
        number = enrol(session, house.ring, phone=phone, programme_id=programme, **common).card.number
    told = mini.open(mini.token("Lin"), mini.code("Lin", "phone_code"))
    # His own card, with the gift of then and no second one.
    said = told.get_json()
    assert (told.status_code, said["new"], said["number"], said["points"], said["phone_bound"]) == (200, False, number, 200, True)
    with reading(house.engine) as session:
        assert holder(house, mini) == [session.scalars(select(Follower)).one().customer_id]
        assert verify(session) == []


def test_another_members_number_is_taken_from_nobody(mini, house):
    mine = mini.open(mini.token("Lin"), mini.code("Lin", "phone_code")).get_json()
    twin = mini.sandbox.control("people", {"people": [{"name": "Twin", "phone": mini.people["Lin"]["phone"]}]})["people"][0]
    mini.people["Twin"] = twin
    other = mini.open(mini.token("Twin"), mini.code("Twin", "phone_code"))
    assert (other.status_code, other.get_json()["phone_bound"]) == (201, False)
    assert other.get_json()["number"] != mine["number"]
    assert len(holder(house, mini)) == 1


def test_the_phone_comes_from_wechat_alone(mini, house):
    token = mini.token("Lin")
    brought = mini.open(token, mini.code("Lin", "phone_code"), phone=mini.people["Zhao"]["phone"])
    assert (brought.status_code, brought.get_json()["errors"]) == (422, [{"field": "phone"}])
    for code in ("never", mini.code("Zhao", "phone_code"), mini.code("Lin")):
        refused = mini.open(token, code)
        assert (refused.status_code, refused.get_json()["code"]) == (400, "bad_code")
    unwilling = mini.open(token, mini.code("Lin", "phone_code"), consent=False)
    assert (unwilling.status_code, unwilling.get_json()["code"]) == (422, "no_consent")
    assert (count(house, Customer), count(house, MemberCard)) == (0, 0)


def test_a_used_code_opens_no_second_card(mini, house):
    code = mini.code("Lin", "phone_code")
    mini.open(mini.token("Lin"), code)
    refused = mini.open(mini.token("Zhao"), code)
    assert (refused.status_code, refused.get_json()["code"]) == (400, "bad_code")
    assert count(house, MemberCard) == 1


def test_a_token_opens_its_own_mini_program_for_two_hours(mini, house, make_account):
    token, account = mini.token("Lin"), mini.account
    another = make_account(name="山城小程序", kind="mini")
    flipped = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    bare = base64.urlsafe_b64encode(Held(account=account.public_id, openid="oLin", unionid="", at=0).model_dump_json().encode()).decode()
    cookie = mini.counter.cookie("oLin")
    for forged in ("", "x", "密", flipped, bare, cookie, token * 9):
        answer = mini.web.get(f"/mini/{account.appid}/card", headers={"Authorization": f"Bearer {forged}".encode().decode("latin-1")})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), forged
    assert mini.read(token, appid=another.appid).status_code == 401
    assert mini.open(token, "any", appid=another.appid).status_code == 401
    assert mini.read(token).status_code == 404
    house.clock.advance(timedelta(hours=2))
    assert mini.read(token).status_code == 401
    assert Seals(house.ring).read(token, now=house.clock.now()) is None


def test_who_was_forgotten_logs_in_anew(mini, house):
    token = mini.token("Lin")
    mini.open(token, mini.code("Lin", "phone_code"))
    openid = mini.sandbox.person(mini.people["Lin"]["id"])["openids"][mini.account.appid]
    house.clock.advance(timedelta(seconds=5))
    hear(house, said(house, mini.account, "privacy.changed", who=replace(LIN, openid=openid), event="user_authorization_cancellation"))
    assert mini.read(token).status_code == 401
    assert mini.open(token, mini.code("Lin", "phone_code")).status_code == 401
    house.clock.advance(timedelta(seconds=5))
    assert mini.read(mini.token("Lin")).get_json()["code"] == "no_card"


def test_the_groups_crm_is_asked_with_a_proved_number(mini, house):
    Crm(url="http://127.0.0.1:9/members").connect(house, "海岸百货")
    mini.open(mini.token("Lin"), mini.code("Lin", "phone_code"))
    with reading(house.engine) as session:
        question = session.scalars(select(CrmQuestion)).one()
        assert (question.proved, question.number_sealed) == (True, None)


@pytest.mark.parametrize("programme", ["x", "00000000-0000-0000-0000-000000000000"])
def test_a_programme_that_is_none(mini, programme):
    answer = mini.open(mini.token("Lin"), mini.code("Lin", "phone_code"), programme=programme)
    assert answer.status_code == (422 if programme == "x" else 404)
