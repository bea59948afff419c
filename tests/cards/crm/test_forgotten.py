"""Who is forgotten is asked for no more: the kept question goes with his number, and an answer that is on its way changes nothing."""

from datetime import timedelta

from app.core import kinds
from app.core.unit import work
from cards.crm.fetch import fetch
from cards.crm.questions import take, wonder
from cards.enrolment import enrol
from cards.models.membership import CardPath
from jobs.crm import ask_questions
from tests.cards.crm.conftest import PHONE
from tests.cards.membership.test_custody import follower, said
from tests.support.members import wallet_now


def test_the_question_of_a_forgotten_customer_goes(house, club, crm, make_account, question):
    account = make_account()
    follower_id, lin = follower(house, account, "o-lin")
    crm.know(PHONE)
    with work(house.engine) as session:
        common = {"path": CardPath.ONE_TAP, "registry": house.registry, "actor": "wechat", "now": house.clock.now()}
        opened = enrol(session, house.ring, phone=PHONE, programme_id=club.programme_id, customer_id=lin, **common)
        wonder(house, session, opened.card, proved=True)
    with work(house.engine) as session:
        on_its_way = take(house, session)
    house.clock.advance(timedelta(seconds=20))
    said(house, account, follower_id, lin, kinds.UNFOLLOWED, {}, "gone")
    assert question() is None
    assert fetch(house, on_its_way) is None
    assert (ask_questions(house), wallet_now(house, club, lin).active) == (0, 100)
