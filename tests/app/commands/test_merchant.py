"""Merchants of WeChat Pay at a terminal: set, listed, and the payments that wait for somebody."""

import pytest

from app.core.nouns import BusinessUnit, Store
from app.core.unit import reading, work
from cards.models.payments import PayMerchant
from tests.support import pay


@pytest.fixture
def shop(house, doc, make_account):
    with work(house.engine) as session:
        unit = BusinessUnit(name="海岸百货")
        session.add(unit)
        session.flush()
        session.add(Store(business_unit_id=unit.id, code="S1", name="南京西路店"))
    doc("programme", "add", "海岸会员")
    return make_account(appid="wxpay0000000009")


@pytest.fixture
def pem(tmp_path):
    file = tmp_path / "pub.pem"
    file.write_text(pay.public_pem())
    return str(file)


def set_up(doc, shop, pem, **more):
    return doc("merchant", "set", pay.MCHID, "--account", shop.appid, "--store", "S1", "--serial", pay.SERIAL, "--public-key", pem, **more)


def test_a_merchant_is_set_and_takes_its_first_notice(house, doc, fanka, web, shop, pem):
    made = set_up(doc, shop, pem, env={"WECHAT_PAY_KEY": pay.API_KEY})
    assert made["notify_url"].endswith(f"/pay/wechat/{made['id']}")
    assert doc("merchant", "list")["merchants"] == [
        {"id": made["id"], "mchid": pay.MCHID, "appid": shop.appid, "store": "S1", "serials": [pay.SERIAL]}
    ]
    said = fanka("merchant", "list").out
    assert pay.API_KEY not in said
    with reading(house.engine) as session:
        held = session.query(PayMerchant).one()
        assert pay.API_KEY.encode() not in held.api_v3_key_sealed
    now = house.clock.now()
    sent = pay.letter(pay.payment(shop.appid, now=now) | {"trade_state": "CLOSED"}, now=now)
    assert web.post(f"/pay/wechat/{made['id']}", data=sent.body, headers=sent.headers).status_code == 204
    waiting = doc("merchant", "parked")
    assert [(each["code"], each["amount_fen"]) for each in waiting["parked"]] == [("not_paid", 12800)]
    assert waiting["next"] is None


def test_a_new_key_stands_beside_the_old_one(doc, shop, pem):
    set_up(doc, shop, pem, env={"WECHAT_PAY_KEY": pay.API_KEY})
    again = doc(
        "merchant",
        "set",
        pay.MCHID,
        "--account",
        shop.appid,
        "--store",
        "S1",
        "--serial",
        "NEW",
        "--public-key",
        pem,
        "--key",
        "-",
        stdin=pay.API_KEY,
    )
    assert again["serials"] == ["NEW", pay.SERIAL]


@pytest.mark.parametrize(
    ("mchid", "key", "code"), [("19", pay.API_KEY, "bad_mchid"), (pay.MCHID, "short", "bad_api_v3_key"), (pay.MCHID, " ", "bad_api_v3_key")]
)
def test_what_is_none_is_refused(fanka, shop, pem, mchid, key, code):
    wish = ("merchant", "set", mchid, "--account", shop.appid, "--store", "S1", "--serial", "X", "--public-key", pem)
    answer = fanka(*wish, json=True, env={"WECHAT_PAY_KEY": key})
    assert (answer.code, answer.json["error"]["code"]) == (1, code)
