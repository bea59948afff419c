"""Notices of WeChat Pay: what is not WeChat's own is refused before anything of it is opened."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.core.errors import BadRequestError, ForbiddenError
from app.wechat.pay_notices import PayKeys, Payment, Refund, check_public_key, read_notice
from tests.support import pay

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
KEYS = PayKeys(pay.MCHID, "wxA", pay.API_KEY, {pay.SERIAL: pay.public_pem()})


def read(sent, *, keys=KEYS, now=NOW):
    return read_notice(keys, headers=sent.headers, body=sent.body, now=now)


def test_a_payment_is_read_to_the_fen():
    notice = read(pay.letter(pay.payment("wxA", now=NOW, total=12800, payer=12000), now=NOW))
    assert isinstance(notice.said, Payment)
    assert (notice.id, notice.said.amount.total, notice.said.payer_fen, notice.said.payer.openid) == ("n-1", 12800, 12000, "oLin")


def test_a_refund_is_read_and_another_event_is_passed_over():
    back = read(pay.letter(pay.refund(now=NOW, fen=300), now=NOW, event_type="REFUND.SUCCESS"))
    assert isinstance(back.said, Refund)
    assert back.said.amount.refund == 300
    assert read(pay.letter({"x": 1}, now=NOW, event_type="COUPON.USE")).said is None


def test_one_changed_byte_of_the_body_breaks_the_signature():
    sent = pay.letter(pay.payment("wxA", now=NOW), now=NOW)
    sent.body = sent.body.replace(b"n-1", b"n-2")
    with pytest.raises(ForbiddenError) as refused:
        read(sent)
    assert refused.value.code == "bad_signature"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"Wechatpay-Signature": ""}, "missing_signature"),
        ({"Wechatpay-Signature": "not base64"}, "bad_signature"),
        ({"Wechatpay-Signature": "WECHATPAY/SIGNTEST/1234"}, "bad_signature"),
        ({"Wechatpay-Serial": "PUB_KEY_ID_OTHER"}, "unknown_serial"),
        ({"Wechatpay-Timestamp": "soon"}, "stale_timestamp"),
        ({"Wechatpay-Nonce": "another"}, "bad_signature"),
    ],
)
def test_a_spoilt_header_is_refused(spoil, code):
    sent = pay.letter(pay.payment("wxA", now=NOW), now=NOW)
    sent.headers |= spoil
    with pytest.raises(ForbiddenError) as refused:
        read(sent)
    assert refused.value.code == code


@pytest.mark.parametrize("shift", [timedelta(seconds=301), timedelta(seconds=-301)])
def test_an_old_signature_cannot_be_played_again(shift):
    sent = pay.letter(pay.payment("wxA", now=NOW), now=NOW)
    with pytest.raises(ForbiddenError) as refused:
        read(sent, now=NOW + shift)
    assert refused.value.code == "stale_timestamp"


def test_a_stranger_with_a_key_of_his_own_is_refused():
    sent = pay.letter(pay.payment("wxA", now=NOW), now=NOW)
    sent.headers = pay.signed(sent.body, now=NOW, key=rsa.generate_private_key(65537, 2048))
    with pytest.raises(ForbiddenError) as refused:
        read(sent)
    assert refused.value.code == "bad_signature"


def test_another_merchants_key_or_number_is_refused():
    with pytest.raises(BadRequestError) as refused:
        read(pay.letter(pay.payment("wxA", now=NOW), now=NOW, api_key="another-api-v3-key-of-32-signs!!"))
    assert refused.value.code == "bad_ciphertext"
    for more in ({"mchid": "1900000999"}, {"appid": "wxB"}):
        with pytest.raises(ForbiddenError) as foreign:
            read(pay.letter(pay.payment("wxA", now=NOW) | more, now=NOW))
        assert foreign.value.code == "wrong_merchant"


@pytest.mark.parametrize("amount", [{"total": 0}, {"total": -1}, {"total": "12800"}, {"total": 1.5}, {}, {"total": 1, "currency": "USD"}])
def test_an_amount_that_is_none_is_refused(amount):
    with pytest.raises(BadRequestError) as refused:
        read(pay.letter(pay.payment("wxA", now=NOW) | {"amount": amount}, now=NOW))
    assert refused.value.code == "bad_notice"


def test_a_key_that_is_none_is_never_kept():
    with pytest.raises(BadRequestError):
        check_public_key("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----")
    with pytest.raises(BadRequestError):
        check_public_key(pay.public_pem(rsa.generate_private_key(65537, 1024)))


def test_a_key_never_shows_itself():
    assert pay.API_KEY not in repr(KEYS)
