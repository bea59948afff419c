"""What the till will offer, in plain words, and a till's question whether it may take an amount from the balance."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.nouns import Store
from app.core.unit import reading, work
from cards.models.till_terms import ValueConsent
from cards.points_at_till import Terms, write_terms
from cards.stored_value import pay, refund_payment, set_ladder, top_up
from cards.value_consent import ask_consent
from tests.support.money import cause


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


@pytest.fixture
def lin(web, house, counter):
    made = counter.member("oLin", tier="金卡", points=11_980, value_fen=80_000)
    with work(house.engine) as session:
        write_terms(session, counter.programme_id, Terms(fen_per_100_points=100, cap_percent=30), now=house.clock.now())
    return made


def ask(house, counter, customer_id, fen=38_800):
    with work(house.engine) as session:
        store = session.scalars(select(Store).order_by(Store.id)).first()
        common = {"programme_id": counter.programme_id, "client_id": "api:till", "now": house.clock.now()}
        return str(ask_consent(session, customer_id=customer_id, store=store, amount_fen=fen, **common).public_id)


def state(house):
    with reading(house.engine) as session:
        return session.scalars(select(ValueConsent.state)).all()


def test_the_code_page_says_what_the_till_will_offer(web, counter, lin):
    counter.give(lin, counter.template("全场满减", days_valid=3, minimum_fen=19_900))
    for number in range(4):
        counter.give(lin, counter.template(f"券 {number}", days_valid=20))
    counter.log_in(web, "oLin")
    said = text(web.get("/me/code"))
    for words in (
        "结账时自动为您用上",
        "自动选最省的组合",
        "金卡会员价",
        "减 5%",
        "12,180 积分",
        "最多抵 ¥121.80",
        "不超过订单的 30%",
        "¥800.00",
    ):
        assert words in said, words
    # The one that expires first leads, with its conditions; those beyond three are counted.
    assert said.index("全场满减") < said.index("券 0") < said.index("券 1")
    assert "满 199 元" in said
    assert "还有 2 张券" in said
    english = text(web.get("/me/code?lang=en"))
    assert "The till finds what saves most" in english
    assert "结账" not in english


def test_who_has_nothing_is_told_that_he_still_earns(web, house, make_account):
    from tests.support.h5 import open_counter

    poor = open_counter(house, make_account(name="海岸百货"), gift=0)
    poor.member("oZhao")
    poor.log_in(web, "oZhao")
    assert "目前没有可用的券" in text(web.get("/me/code"))


@pytest.mark.parametrize(("answer", "into", "says"), [("agree", "agreed", "已同意支付 ¥388.00"), ("decline", "declined", "余额没有变化")])
def test_the_customer_answers_a_tills_question_once(web, house, counter, lin, answer, into, says):
    asked = ask(house, counter, lin)
    cookie = counter.log_in(web, "oLin")
    page = text(web.get("/me/code"))
    assert "南京西路店 请您确认付款" in page
    assert "¥388.00" in page
    form = {"csrf": counter.csrf(cookie), "answer": answer}
    done = web.post(f"/me/asked/{asked}", data=form)
    assert (done.status_code, state(house)) == (303, [into])
    after = text(web.get(done.headers["Location"]))
    assert says in after
    assert "请您确认付款" not in after
    assert web.post(f"/me/asked/{asked}", data=form).status_code == 409
    assert state(house) == [into]


def test_anothers_question_a_foreign_form_and_one_that_is_over_change_nothing(web, house, counter, lin, clock):
    asked = ask(house, counter, lin)
    zhao = counter.member("oZhao")
    assert zhao != lin
    cookie = counter.log_in(web, "oZhao")
    assert web.post(f"/me/asked/{asked}", data={"csrf": counter.csrf(cookie), "answer": "agree"}).status_code == 404
    assert web.post("/me/asked/nonsense", data={"csrf": counter.csrf(cookie), "answer": "agree"}).status_code == 404
    cookie = counter.log_in(web, "oLin")
    assert web.post(f"/me/asked/{asked}", data={"csrf": "0" * 32, "answer": "agree"}).status_code == 403
    clock.advance(timedelta(minutes=5))
    assert "请您确认付款" not in text(web.get("/me/code"))
    assert web.post(f"/me/asked/{asked}", data={"csrf": counter.csrf(cookie), "answer": "agree"}).status_code == 409
    assert state(house) == ["asked"]


def test_the_statement_tells_a_top_up_its_bonus_a_payment_and_what_went_back(web, house, counter):
    lin, now = counter.member("oLin"), house.clock.now()
    with work(house.engine) as session:
        set_ladder(session, programme_id=counter.programme_id, rungs=[{"from_fen": 50_000, "bonus_fen": 2_000}], now=now)
        common = {"route": "cash", "route_ref": "1", "unit_id": counter.unit_id, "ref": "T1", "actor": "Chen", "now": now}
        top_up(session, customer_id=lin, programme_id=counter.programme_id, paid_fen=50_000, **common)
        who = {"customer_id": lin, "programme_id": counter.programme_id, "unit_id": counter.unit_id}
        paid = pay(session, **who, amount_fen=18_850, cause=cause(now, reason="储值付款 88201"))
        refund_payment(session, pay_txn_id=paid.txn_id, amount_fen=850, cause=cause(now, reason="退一件"))
    counter.log_in(web, "oLin")
    said = text(web.get("/me/value"))
    told = ("+¥8.50", "余 ¥340.00", "储值付款 88201", "−¥188.50", "余 ¥331.50", "储值赠送", "+¥20.00", "余 ¥520.00", "储值充值", "+¥500.00")
    places = [said.index(words) for words in told]
    assert places == sorted(places)
