"""The code's page in a real Chromium: what the till will offer, and a till's question answered with one thumb."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.core.nouns import Store
from app.core.unit import work
from app.web.h5.session import COOKIE
from cards.points_at_till import Terms, write_terms
from cards.value_consent import ask_consent
from tests.support.browser import screenshot

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_offered_and_a_question_answered(phone, house, counter, base, clock, dark):
    clock.moment = datetime.now(UTC)
    lin = counter.member("oLin", tier="金卡", points=11_980, value_fen=80_000)
    counter.give(lin, counter.template("全场满减", days_valid=3, minimum_fen=19_900))
    counter.give(lin, counter.template("茶饮立减", days_valid=20, terms={"amount_fen": 800}))
    with work(house.engine) as session:
        write_terms(session, counter.programme_id, Terms(fen_per_100_points=100, cap_percent=30), now=clock.now())
        store = session.scalars(select(Store).order_by(Store.id)).first()
        common = {"programme_id": counter.programme_id, "client_id": "api:till", "now": clock.now()}
        ask_consent(session, customer_id=lin, store=store, amount_fen=38_800, **common)
    if dark:
        phone.emulate_media(color_scheme="dark")
    phone.context.add_cookies([{"name": COOKIE, "value": counter.cookie("oLin"), "url": base}])
    phone.goto(f"{base}/me/code")
    expect(phone.locator(".offered")).to_contain_text("全场满减")
    screenshot(phone, f"h5_code{'_dark' if dark else ''}")
    button = phone.get_by_role("button", name="同意支付 ¥388.00")
    assert button.bounding_box()["height"] >= 44
    button.click()
    expect(phone.get_by_role("status")).to_contain_text("已同意支付 ¥388.00")
    expect(phone.locator(".asked")).to_have_count(0)
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
