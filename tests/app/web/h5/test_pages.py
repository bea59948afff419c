"""What a member sees: his own card, codes, coupons and statement, in his language, and nothing of anybody else's."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.unit import reading
from cards import codes
from cards.models.coupons import Coupon
from cards.models.membership import MemberCard

PAGES = ("/me", "/me/code", "/me/coupons", "/me/points", "/me/value", "/me/rules", "/me/receipts")


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def test_the_home_page_says_what_the_card_holds(web, house, counter):
    lin = counter.member("oLin", tier="金卡", points=11_980, value_fen=32_050)
    counter.earn_until(lin, 300, 8)
    counter.earn_later(lin, 128)
    counter.give(lin, counter.template("全场满减", days_valid=3, minimum_fen=19_900))
    counter.log_in(web, "oLin")
    said = text(web.get("/me"))
    for words in (
        "12,480",
        "300 分将于 11-30 到期",
        "¥320.50",
        "128 待生效积分",
        "金卡",
        "¥10,000.00 升级为白金卡",
        "¥100",
        "满 199 元",
        "还剩 2 天",
    ):
        assert words in said, words
    with reading(house.engine) as session:
        number = session.scalars(select(MemberCard.number)).one()
    assert " ".join(number[at : at + 4] for at in range(0, 16, 4)) in said


@pytest.mark.parametrize("path", PAGES)
def test_english_pages_have_no_chinese_words_of_ours(web, counter, path):
    counter.member("oLin", tier="金卡", points=500)
    counter.log_in(web, "oLin")
    english = text(web.get(path, headers={"Accept-Language": "en-GB,zh;q=0.5"}))
    for name in ("粉卡 · 海岸百货", "中文", "南京西路店", "徐家汇店"):
        english = english.replace(name, "")
    assert re.findall(r"[\u4e00-\u9fff]+", english) == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_dressed(web, counter, path):
    counter.member("oLin")
    counter.log_in(web, "oLin")
    answer = web.get(path)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_data(as_text=True)
    assert not re.search(r"<script(?![^>]*\bsrc=)", body)
    assert not re.search(r"\son\w+=|\sstyle=", body)


def test_the_language_is_kept_once_chosen(web, counter):
    counter.member("oLin")
    counter.log_in(web, "oLin")
    assert "Points" in text(web.get("/me?lang=en"))
    assert "Points" in text(web.get("/me"))
    assert "可用积分" in text(web.get("/me?lang=zh"))
    assert "可用积分" in text(web.get("/me?lang=xx"))


def test_points_past_their_day_do_not_count_before_the_night_has_swept(web, house, counter):
    lin = counter.member("oLin")
    counter.earn_until(lin, 300, 8)
    counter.log_in(web, "oLin")
    assert 'id="points">500<' in web.get("/me").get_data(as_text=True)
    house.clock.advance(timedelta(days=9))
    counter.log_in(web, "oLin")
    assert 'id="points">200<' in web.get("/me").get_data(as_text=True)


def test_the_members_code_is_his_and_moves(web, house, counter):
    counter.member("oLin")
    counter.log_in(web, "oLin")
    seen = []
    for _ in range(2):
        body = web.get("/me/code/fresh").get_data(as_text=True)
        seen.append(re.search(r'data-code="(\w+)"', body)[1])
        assert 'class="bars"' in body
        assert 'class="qr"' in body
        house.clock.advance(timedelta(seconds=30))
    assert seen[0] != seen[1]
    with reading(house.engine) as session:
        number = int(session.scalars(select(MemberCard.number)).one())
    moving = codes.read_moving(house.ring, seen[1], now=house.clock.now())
    assert (moving.kind, moving.subject) == (codes.MEMBER, number)
    assert codes.read_moving(house.ring, seen[0], now=house.clock.now() + timedelta(seconds=30)) is None


def test_a_coupons_code_is_its_own_and_ends_with_it(web, house, counter):
    lin = counter.member("oLin")
    coupon = counter.give(lin, counter.template(days_valid=2))
    counter.log_in(web, "oLin")
    body = web.get(f"/me/coupon/{coupon}").get_data(as_text=True)
    with reading(house.engine) as session:
        held = session.scalars(select(Coupon)).one()
    moving = codes.read_moving(house.ring, re.search(r'data-code="(\w+)"', body)[1], now=house.clock.now())
    assert (moving.kind, moving.subject) == (codes.COUPON, held.number)
    assert codes.shown(held.code) in body
    house.clock.advance(timedelta(days=3))
    counter.log_in(web, "oLin")
    assert web.get(f"/me/coupon/{coupon}/fresh").status_code == 410
    assert "data-code" not in web.get(f"/me/coupon/{coupon}").get_data(as_text=True)


def test_anothers_coupon_does_not_exist(web, counter):
    lin = counter.member("oLin")
    counter.member("oZhao")
    coupon = counter.give(lin, counter.template())
    counter.log_in(web, "oZhao")
    for path in (f"/me/coupon/{coupon}", f"/me/coupon/{coupon}/fresh", "/me/coupon/none"):
        answer = web.get(path)
        assert answer.status_code == 404
        assert ("没有这张券" in text(answer)) is not path.endswith("fresh")
    assert "全场满减" not in text(web.get("/me/coupons"))


def test_coupons_stand_in_the_order_they_end(web, counter):
    lin = counter.member("oLin")
    for name, wishes in (("后", {"days_valid": 40}), ("先", {"days_valid": 3}), ("将来", {"days_valid": 2, "days_wait": 5})):
        counter.give(lin, counter.template(name, **wishes))
    counter.log_in(web, "oLin")
    assert re.findall(r"<h3>(.*?)</h3>", web.get("/me/coupons").get_data(as_text=True)) == ["先", "后", "将来"]


def test_the_statement_adds_up_and_goes_on(web, house, counter):
    lin = counter.member("oLin")
    for day in range(24):
        counter.earn_until(lin, 10, 100 + day)
    counter.log_in(web, "oLin")
    first = web.get("/me/points").get_data(as_text=True)
    balances = [int(each.replace(",", "")) for each in re.findall(r"余 ([\d,]+)", first)]
    assert balances == list(range(440, 240, -10))
    older = re.search(r'href="(/me/points\?before=\d+)"', first)[1]
    rest = [int(each.replace(",", "")) for each in re.findall(r"余 ([\d,]+)", web.get(older).get_data(as_text=True))]
    assert rest == [240, 230, 220, 210, 200]
    assert web.get("/me/points?before=1;DROP").status_code == 200


def test_the_rules_are_those_in_force(web, counter):
    said = text(web.get("/me/rules"))
    for words in ("每消费 1 元得 1 积分", "每天最多 5,000 分", "累计消费满 ¥5,000.00", "全场 9.5 折", "12 个月", "7 天退货期"):
        assert words in said, words
    assert "您的等级" not in said
    counter.member("oLin")
    counter.log_in(web, "oLin")
    assert "您的等级" in text(web.get("/me/rules"))


def test_a_stranger_is_sent_to_wechat_and_a_guest_to_join(web, counter):
    for path in PAGES[:5]:
        assert web.get(path).headers["Location"].startswith("/h5/enter?next=%2Fme")
    # A piece of a page says so by its status: a script cannot follow to WeChat.
    assert web.get("/me/code/fresh").status_code == 401
    counter.log_in(web, "oZhao")
    assert web.get("/me").headers["Location"] == "/join?next=%2Fme"
    assert web.get("/me/code/fresh").status_code == 403


def test_logging_out_needs_the_pages_own_form(web, counter):
    counter.member("oLin")
    cookie = counter.log_in(web, "oLin")
    assert web.post("/h5/leave", data={"csrf": "0" * 32}).status_code == 403
    assert web.get("/me").status_code == 200
    assert web.post("/h5/leave", data={"csrf": counter.csrf(cookie)}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert web.post("/h5/leave", data={"csrf": counter.csrf(cookie)}).status_code == 200
    assert web.get("/me").status_code == 302


def test_before_there_is_anything_the_pages_say_so(web, house, make_account):
    answer = web.get("/me/rules")
    assert answer.status_code == 404
    assert "会员计划还没有开通" in text(answer)
    assert "还没有接入服务号" in text(web.get("/h5/enter"))
    make_account(kind="mini")
    assert web.get("/h5/enter").status_code == 503
