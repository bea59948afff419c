"""Sending a receipt in from the phone: bounded, once, from a form of ours, and everybody sees his own alone."""

import io
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.core.nouns import Store
from app.core.unit import reading
from cards.models.receipts import Receipt, ReceiptPicture
from cards.receipts.pictures import MOST_BYTES
from tests.support.receipts import photo

PHOTO = photo(size=(300, 400))


@pytest.fixture
def store(house, counter):
    with reading(house.engine) as session:
        return str(session.get_one(Store, counter.store_ids[0]).public_id)


def post(web, counter, store, *, openid="oLin", sent=PHOTO, csrf=None, **said):
    cookie = counter.log_in(web, openid)
    fields = {"key": str(uuid4()), "store": store, "number": "88201", "total": "88.50", "day": "2026-11-21", **said}
    data = {"csrf": counter.csrf(cookie) if csrf is None else csrf, **fields, "photo": (io.BytesIO(sent), "IMG_1.jpg")}
    return web.post("/me/receipts", data=data, content_type="multipart/form-data")


def rows(house):
    with reading(house.engine) as session:
        return session.scalars(select(Receipt).order_by(Receipt.id)).all()


def page(web, counter, openid="oLin", path="/me/receipts"):
    counter.log_in(web, openid)
    return web.get(path).get_data(as_text=True)


def test_a_receipt_is_sent_once_waits_and_is_taken_back(web, house, counter, store):
    counter.member()
    counter.member("oZhao")
    key = str(uuid4())
    for _ in range(2):
        done = post(web, counter, store, key=key)
        assert (done.status_code, done.headers["Location"]) == (303, "/me/receipts?done=sent")
    (row,) = rows(house)
    assert (row.number, row.amount_fen, row.paid_on.isoformat(), row.state) == ("88201", 8_850, "2026-11-21", "waiting")
    assert "待核对" in page(web, counter)
    assert "88201 ·" not in page(web, counter, "oZhao")
    cookie = counter.log_in(web, "oZhao")
    assert web.post(f"/me/receipts/{row.public_id}/withdraw", data={"csrf": counter.csrf(cookie)}).status_code == 404
    cookie = counter.log_in(web, "oLin")
    assert web.post(f"/me/receipts/{row.public_id}/withdraw", data={"csrf": "x"}).status_code == 403
    assert web.post(f"/me/receipts/{row.public_id}/withdraw", data={"csrf": counter.csrf(cookie)}).status_code == 303
    assert "已撤回" in page(web, counter)


@pytest.mark.parametrize(
    ("wish", "status", "said"),
    [
        ({"sent": b"%PDF-1.7 not a picture"}, 415, "无法识别这张照片"),
        ({"sent": b""}, 422, "请先拍下小票"),
        ({"sent": bytes(MOST_BYTES + 1)}, 413, "照片超过 5 MB"),
        ({"sent": bytes(MOST_BYTES * 2)}, 413, "照片超过 5 MB"),
        ({"total": "abc"}, 422, "请填写实付金额"),
        ({"total": "1.234"}, 422, "请填写实付金额"),
        ({"day": "21/11"}, 422, "请选择消费日期"),
        ({"day": "2026-11-23"}, 422, "只收 10-23 到 11-22 的小票"),
        ({"store": "x"}, 422, "请选择门店"),
        ({"key": "x"}, 400, "页面已过期"),
        ({"csrf": "x"}, 403, "页面已过期"),
        ({"number": "<script>"}, 303, ""),
    ],
)
def test_what_is_wrong_is_said_on_the_page_and_nothing_is_kept(web, house, counter, store, wish, status, said):
    counter.member()
    answer = post(web, counter, **{"store": store, **wish})
    assert answer.status_code == status
    assert said in answer.get_data(as_text=True)
    assert "<script>" not in page(web, counter)
    assert len(rows(house)) == (status == 303)


def test_a_body_that_is_no_such_form_is_a_plain_refusal(web, counter, store):
    counter.member()
    counter.log_in(web, "oLin")
    for body, kind in (
        (b"x=1", "application/x-www-form-urlencoded"),
        (b"\x00\xff", "multipart/form-data; boundary=b"),
        (b"{}", "text/plain"),
    ):
        assert web.post("/me/receipts", data=body, content_type=kind).status_code in (400, 403)
    assert web.get("/me/receipts", headers={"X-Nobody": "1"}).status_code == 200
    web.delete_cookie("fanka_me")
    assert web.get("/me/receipts").status_code == 302


def test_pictures_are_kept_sealed_and_never_as_they_came(web, house, counter, store):
    counter.member()
    post(web, counter, store)
    with reading(house.engine) as session:
        (held,) = session.scalars(select(ReceiptPicture.picture_sealed)).all()
        assert session.scalar(select(func.count()).select_from(Receipt)) == 1
    assert b"JFIF" not in held


def test_the_rules_page_and_the_card_say_that_receipts_can_be_sent_in(web, house, counter):
    from app.core.unit import work
    from cards.models.programme import Programme

    counter.member()
    assert "30 天内可拍小票补积分" in page(web, counter, path="/me/rules")
    assert 'href="/me/receipts"' in page(web, counter, path="/me")
    with work(house.engine) as session:
        session.get_one(Programme, counter.programme_id).receipt_days = 0
    assert "拍小票" not in page(web, counter, path="/me/rules")
    assert 'href="/me/receipts"' not in page(web, counter, path="/me")
    assert "目前不收小票" in page(web, counter)
