"""A claim page: what is open is shown and taken within every limit, its claims know where they came from, and what is shut says so."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from app.core.facts import FactRow
from app.core.unit import reading, work
from cards.coupons.claim_codes import add_word
from cards.models.coupons import Coupon, TemplateState
from cards.models.pages import ClaimPage
from cards.pages.build import close_page, save_page
from cards.pages.tell import tell_page
from tests.support.pages import content, put_page, put_picture

PLACE = "/p/double-11"


@pytest.fixture
def lin(web, counter):
    """Lin's cookie; she is a member with 300 points."""
    counter.member("oLin", points=300)
    return counter.log_in(web, "oLin")


def text_of(web, address=PLACE, status=200):
    answer = web.get(address)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def take(web, counter, cookie, template, nonce="01890000-0000-7000-8000-000000000001"):
    text_of(web)
    return web.post(f"{PLACE}/take", data={"csrf": counter.csrf(cookie), "nonce": nonce, "coupon": template})


def coupons(house):
    with reading(house.engine) as session:
        return session.scalars(select(Coupon).order_by(Coupon.id)).all()


def test_it_is_shown_as_it_was_written_and_nothing_of_it_is_html(web, house, counter, lin):
    digest, template = put_picture(house), counter.template("满减券", minimum_fen=9900)
    put_page(
        house,
        counter.programme_id,
        {"kind": "picture", "picture": digest, "alt": "会员日"},
        {"kind": "heading", "text": "<script>alert(1)</script>"},
        {"kind": "text", "text": "一行\n<b>两行</b>"},
        {"kind": "coupon", "template": template, "label": "抢券"},
        {"kind": "code"},
        {"kind": "rules", "title": "活动规则", "lines": ["每人一张"]},
        {"kind": "join"},
        until_at="2026-11-30T23:59:00+08:00",
    )
    page = text_of(web)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "一行\n&lt;b&gt;两行&lt;/b&gt;" in page
    for said in ("双十一会员日", "活动截至 2026-11-30 23:59", "满减券", "¥100", "抢券", "活动规则", "每人一张"):
        assert said in page
    # She is a member already.
    assert "成为会员" not in page
    (src,) = re.findall(r'<img class="shot" src="([^"]+)"', page)
    picture = web.get(src)
    assert (picture.status_code, picture.content_type) == (200, "image/jpeg")
    assert picture.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert web.get(src.replace(".jpg", ".png")).status_code == web.get("/p/picture/none.jpg").status_code == 404
    assert "img-src 'self'" in web.get(PLACE).headers["Content-Security-Policy"]


def test_taking_leaves_its_source_and_pressing_twice_gives_one(web, house, counter, lin):
    template = counter.template(per_person=2)
    page = put_page(house, counter.programme_id, {"kind": "coupon", "template": template})
    for _ in range(2):
        answer = take(web, counter, lin, template)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{PLACE}?new=1")
    (coupon,) = coupons(house)
    assert (coupon.page_id, coupon.path) == (page.id, "page")
    with reading(house.engine) as session:
        fact = session.scalars(select(FactRow).where(FactRow.kind == "coupon.claimed")).one()
        assert (fact.data["page"], fact.data["path"]) == ("double-11", "page")
        assert tell_page(session, house, session.get_one(ClaimPage, page.id))["taken"] == 1
    seen = text_of(web, f"{PLACE}?new=1")
    assert "领取成功" in seen
    assert f"/me/coupon/{coupon.public_id}" in seen
    assert "再领一张" in seen
    take(web, counter, lin, template, "01890000-0000-7000-8000-000000000002")
    assert "再领一张" not in text_of(web)
    third = take(web, counter, lin, template, "01890000-0000-7000-8000-000000000003")
    assert third.status_code == 409
    assert "您已领到上限" in third.get_data(as_text=True)
    assert len(coupons(house)) == 2


def test_limits_points_and_lists_hold_on_a_page_too(web, house, counter, lin):
    dear = counter.template("积分券", price_points=200)
    gone = counter.template("限量券", stock=1)
    put_page(house, counter.programme_id, *({"kind": "coupon", "template": each} for each in (dear, gone)))
    assert "200 积分兑换" in text_of(web)
    assert take(web, counter, lin, dear).status_code == 303
    broke = take(web, counter, lin, dear, "01890000-0000-7000-8000-000000000002")
    assert (broke.status_code, 'role="alert"' in broke.get_data(as_text=True)) == (409, True)
    counter.member("oZhao")
    zhao = counter.log_in(web, "oZhao")
    assert take(web, counter, zhao, gone).status_code == 303
    lin = counter.log_in(web, "oLin")
    assert "已领完" in take(web, counter, lin, gone, "01890000-0000-7000-8000-000000000004").get_data(as_text=True)
    # A coupon that the page does not show is not taken by its address.
    hidden = counter.template("别处的券")
    assert take(web, counter, lin, hidden).status_code == 404
    assert web.post(f"{PLACE}/take", data={"csrf": "x", "coupon": gone}).status_code == 403
    assert [each.path for each in coupons(house)] == ["points", "page"]


def test_a_code_typed_on_a_page(web, house, counter, lin):
    template = counter.template("口令券", claimable=False)
    with work(house.engine) as session:
        add_word(session, template, "双十一快乐", most=5, until=None, actor="Mei", now=house.clock.now())
    page = put_page(house, counter.programme_id, {"kind": "code", "label": "输入口令"})
    text_of(web)
    form = {"csrf": counter.csrf(lin), "code": "<b>猜一个"}
    wrong = web.post(f"{PLACE}/code", data=form)
    assert wrong.status_code == 409
    assert "这个兑换码现在不能使用" in wrong.get_data(as_text=True)
    assert "<b>猜" not in wrong.get_data(as_text=True)
    assert web.post(f"{PLACE}/code", data={**form, "code": "双十一 快乐"}).status_code == 303
    assert [(each.page_id, each.path) for each in coupons(house)] == [(page.id, "code")]


def test_a_stranger_is_led_to_log_in_and_back(web, house, counter):
    put_page(house, counter.programme_id, {"kind": "coupon", "template": counter.template()}, {"kind": "join"})
    page = text_of(web)
    assert f"/h5/enter?next={PLACE}" in page
    assert web.post(f"{PLACE}/take", data={}).status_code == 403
    counter.log_in(web, "oZhao")
    assert f"/join?next={PLACE}" in text_of(web)
    cookie = counter.log_in(web, "oZhao")
    form = {"csrf": counter.csrf(cookie), "phone": "13800000009", "agree": "on", "next": PLACE}
    assert web.post("/join", data=form).headers["Location"] == PLACE


def test_before_and_after_its_period_and_closed_it_says_so(web, house, counter, lin):
    template = counter.template()
    period = {"from_at": "2026-11-23T10:00:00+08:00", "until_at": "2026-11-24T00:00:00+08:00"}
    page = put_page(house, counter.programme_id, {"kind": "coupon", "template": template}, **period)
    assert "2026-11-23 10:00 开始" in text_of(web)
    text_of(web, f"/c/{template}")
    form = {"csrf": counter.csrf(lin), "nonce": "01890000-0000-7000-8000-000000000001", "coupon": template}
    assert web.post(f"{PLACE}/take", data=form).status_code == 404
    house.clock.advance(timedelta(days=1))
    assert "活动截至" in text_of(web)
    assert take(web, counter, lin, template).status_code == 303
    house.clock.advance(timedelta(hours=12))
    assert "活动已结束" in text_of(web, status=410)
    assert web.post(f"{PLACE}/take", data=form).status_code == 404
    with work(house.engine) as session:
        close_page(session, session.get_one(ClaimPage, page.id), actor="Mei", now=house.clock.now())
    assert "活动已结束" in text_of(web, status=410)
    assert "没有找到这个活动" in text_of(web, "/p/nobody-knows", status=404)
    assert len(coupons(house)) == 1


def test_a_draft_is_shown_by_its_signed_link_alone(web, house, counter, lin):
    template = counter.template(state=TemplateState.DRAFT)
    page = put_page(house, counter.programme_id, {"kind": "coupon", "template": template}, publish=False)
    assert "没有找到这个活动" in text_of(web, status=404)
    with reading(house.engine) as session:
        link = urlsplit(tell_page(session, house, session.get_one(ClaimPage, page.id))["preview_url"])
    shown = text_of(web, f"{link.path}?{link.query}")
    assert "预览：仅供查看" in shown
    assert "disabled" in shown
    assert "<form method" not in shown.split("</article>")[0]
    assert text_of(web, f"{link.path}?{link.query[:-1]}x", status=404)
    assert text_of(web, f"{link.path}?{link.query.replace('number=1', 'number=2')}", status=404)
    assert text_of(web, f"{link.path}?number=1&until=9&sign=é", status=404)
    house.clock.advance(timedelta(days=8))
    assert text_of(web, f"{link.path}?{link.query}", status=404)


def test_a_draft_of_a_page_that_is_out_changes_nothing_that_is_seen(web, house, counter):
    page = put_page(house, counter.programme_id, {"kind": "text", "text": "第一版"})
    with work(house.engine) as session:
        held = session.get_one(ClaimPage, page.id)
        save_page(session, held, content({"kind": "text", "text": "第二版"}), based_on=1, actor="Mei", now=house.clock.now())
    assert "第一版" in text_of(web)
    assert "第二版" not in text_of(web)
