"""Customer-service, mass and subscription messages, mini programs and uploads, on both stages."""

import pytest

from app.core.accounts import OpenAccount
from app.wechat.errors import AccountRefused, BadPayload, RecipientRefused, Throttled
from app.wechat.gateway import Gateway
from tests.contracts.refusals import refused
from tests.contracts.stages import Stage

NOBODY = "o" + "x" * 27


def text(words: str = "您好") -> dict[str, object]:
    return {"msgtype": "text", "text": {"content": words}}


@pytest.mark.parametrize(("why", "number", "seconds"), [("write", 5, 48 * 3600), ("click", 3, 60), ("scan", 3, 60), ("follow", 3, 60)])
def test_a_window_has_its_number_and_its_time(
    stage: Stage, service: OpenAccount, shop: Gateway, why: str, number: int, seconds: int
) -> None:
    lin = stage.follow(service, "Lin")
    if why != "follow":
        stage.advance(61)
        with refused(RecipientRefused, 45015):
            shop.send_service_message(lin, text())
        stage.touch(service, "Lin", why)
    for _ in range(number):
        shop.send_service_message(lin, text())
    with refused(RecipientRefused, 45047):
        shop.send_service_message(lin, text())
    assert len(stage.reached(service, "Lin")) == number
    stage.advance(seconds + 1)
    with refused(RecipientRefused, 45015):
        shop.send_service_message(lin, text())


def test_a_short_window_is_used_before_a_long_one(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin = stage.follow(service, "Lin")
    stage.touch(service, "Lin", "write")
    for _ in range(3):
        shop.send_service_message(lin, text())
    stage.advance(61)
    for _ in range(5):
        shop.send_service_message(lin, text())
    with refused(RecipientRefused, 45047):
        shop.send_service_message(lin, text())


def test_who_left_is_not_reached(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin = stage.follow(service, "Lin")
    stage.unfollow(service, "Lin")
    with refused(RecipientRefused, 45015):
        shop.send_service_message(lin, text())
    with refused(RecipientRefused, 40003):
        shop.send_service_message(NOBODY, text())


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"msgtype": "dance", "dance": {}}, 40008),
        ({"msgtype": "text"}, 40008),
        (text(""), 44004),
        (text("长" * 683), 45002),
        ({"msgtype": "image", "image": {"media_id": "nowhere"}}, 40007),
        ({"msgtype": "news", "news": {"articles": []}}, 44003),
        ({"msgtype": "news", "news": {"articles": [{}, {}]}}, 45008),
    ],
)
def test_what_is_sent_is_checked(stage: Stage, service: OpenAccount, shop: Gateway, payload: dict[str, object], code: int) -> None:
    lin = stage.follow(service, "Lin")
    with refused(BadPayload, code):
        shop.send_service_message(lin, payload)
    assert stage.reached(service, "Lin") == []


def test_an_uploaded_picture_can_be_sent(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin = stage.follow(service, "Lin")
    media_id = shop.upload_media("image", "logo.png", b"\x89PNG")
    shop.send_service_message(lin, {"msgtype": "image", "image": {"media_id": media_id}})
    assert len(stage.reached(service, "Lin")) == 1


@pytest.mark.parametrize(
    ("kind", "name", "size", "code"),
    [("dance", "a.png", 9, 40004), ("image", "a.exe", 9, 40005), ("thumb", "a.jpg", 65_537, 45001), ("image", "a.png", 0, 41005)],
)
def test_an_upload_keeps_to_its_kind(shop: Gateway, kind: str, name: str, size: int, code: int) -> None:
    with refused(BadPayload, code):
        shop.upload_media(kind, name, b"x" * size)


def test_a_mass_message_reaches_four_times_a_month(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    openids = [stage.follow(service, person) for person in ("Lin", "Zhao")]
    for _ in range(6):
        shop.send_mass(text(), openids=openids)
    assert [len(stage.reached(service, person)) for person in ("Lin", "Zhao")] == [4, 4]
    stage.advance(32 * 86_400)
    shop.send_mass(text(), openids=[*openids, NOBODY])
    assert len(stage.reached(service, "Lin")) == 5


def test_a_mass_message_goes_to_a_tag_or_to_everybody_once_a_day(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin, _ = stage.follow(service, "Lin"), stage.follow(service, "Zhao")
    tag = shop.create_tag("金卡会员")
    shop.tag_followers(tag.tag_id, [lin])
    receipt = shop.send_mass(text("金卡"), tag_id=tag.tag_id)
    assert (receipt.msg_id.isdigit(), receipt.repeated) == (True, False)
    assert shop.read_mass_status(receipt.msg_id) in {"SENDING", "SEND_SUCCESS"}
    assert [len(stage.reached(service, person)) for person in ("Lin", "Zhao")] == [1, 0]
    shop.send_mass(text("所有人"))
    assert [len(stage.reached(service, person)) for person in ("Lin", "Zhao")] == [2, 1]
    with refused(Throttled, 45028):
        shop.send_mass(text("所有人"))
    with refused(BadPayload, 40050):
        shop.send_mass(text(), tag_id=9999)


def test_a_mass_message_has_two_to_ten_thousand_openids(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    lin = stage.follow(service, "Lin")
    with refused(BadPayload, 40130):
        shop.send_mass(text(), openids=[lin])
    with refused(BadPayload, 40032):
        shop.send_mass(text(), openids=[f"o{number}" for number in range(10_001)])
    with refused(BadPayload, 40008):
        shop.send_mass({"msgtype": "dance", "dance": {}}, openids=[lin, NOBODY])


def test_the_same_clientmsgid_gives_the_first_receipt_for_a_day(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    openids = [stage.follow(service, person) for person in ("Lin", "Zhao")]
    first = shop.send_mass(text(), openids=openids, client_msg_id="w1")
    again = shop.send_mass(text(), openids=openids, client_msg_id="w1")
    assert (again.msg_id, again.repeated) == (first.msg_id, True)
    with refused(BadPayload, 45065) as caught:
        shop.call("/cgi-bin/message/mass/send", {**text(), "touser": openids, "clientmsgid": "w1"})
    assert str(caught.value.answer["msg_id"]) == first.msg_id
    assert len(stage.reached(service, "Lin")) == 1
    stage.advance(86_401)
    assert not shop.send_mass(text(), openids=openids, client_msg_id="w1").repeated
    with refused(BadPayload, 40035):
        shop.send_mass(text(), openids=openids, client_msg_id="x" * 65)


def test_sixty_mass_calls_a_minute(stage: Stage, service: OpenAccount, shop: Gateway) -> None:
    openids = [stage.follow(service, person) for person in ("Lin", "Zhao")]
    stage.advance(60)
    stage.use_quota(service, "mass_minute", 60)
    with refused(Throttled, 45011) as caught:
        shop.send_mass(text(), openids=openids)
    assert caught.value.scope == "minute"  # type: ignore[attr-defined]
    stage.advance(60)
    shop.send_mass(text(), openids=openids)


def test_a_subscription_account_has_one_mass_call_a_day(stage: Stage, subscription: OpenAccount) -> None:
    gateway = stage.gateway(subscription)
    openids = [stage.follow(subscription, person) for person in ("Lin", "Zhao")]
    gateway.send_mass(text(), openids=openids)
    with refused(Throttled, 45028):
        gateway.send_mass(text(), openids=openids)


def test_a_subscription_message_needs_a_yes_each_time(stage: Stage, service: OpenAccount, mini: OpenAccount) -> None:
    for account in (service, mini):
        gateway = stage.gateway(account)
        stage.add_template(account, "S1", "{{thing1.DATA}}", purpose="subscribe")
        stage.add_template(account, "T1", "{{thing1.DATA}}")
        data = {"thing1": {"value": "取餐提醒"}}
        lin = stage.follow(account, "Lin") if account is service else stage.touch(account, "Lin", "enter_mini")
        with refused(RecipientRefused, 43101):
            gateway.send_subscribe(lin, "S1", data)
        stage.accept_popup(account, "Lin", "S1")
        assert gateway.send_subscribe(lin, "S1", data, page="pages/order").isdigit()
        with refused(RecipientRefused, 43101):
            gateway.send_subscribe(lin, "S1", data)
        for openid, template_id, page, code, kind in (
            (NOBODY, "S1", "", 40003, RecipientRefused),
            (lin, "T1", "", 40037, BadPayload),
            (lin, "S1", "/pages/order", 41030, BadPayload),
        ):
            with refused(kind, code):
                gateway.send_subscribe(openid, template_id, data, page=page)
        with refused(BadPayload, 47003):
            gateway.send_subscribe(lin, "S1", {"thing1": {"value": "长" * 21}})
        assert stage.reached(account, "Lin") == [("subscribe", {"thing1": "取餐提醒"})]


def test_a_mini_program_names_its_state(stage: Stage, mini: OpenAccount) -> None:
    gateway = stage.gateway(mini)
    stage.add_template(mini, "S1", "{{thing1.DATA}}", purpose="subscribe")
    lin = stage.touch(mini, "Lin", "enter_mini")
    stage.accept_popup(mini, "Lin", "S1")
    with refused(BadPayload, 40097):
        gateway.send_subscribe(lin, "S1", {"thing1": {"value": "x"}}, state="dream")
    assert gateway.send_subscribe(lin, "S1", {"thing1": {"value": "x"}}, state="trial")


def test_a_mini_program_has_two_messages_after_an_entry(stage: Stage, mini: OpenAccount) -> None:
    gateway = stage.gateway(mini)
    lin = stage.touch(mini, "Lin", "enter_mini")
    gateway.send_service_message(lin, text())
    gateway.send_service_message(lin, text())
    with pytest.raises(RecipientRefused) as caught:
        gateway.send_service_message(lin, text())
    assert caught.value.code in {45015, 45047}


def test_a_login_code_works_once(stage: Stage, mini: OpenAccount, service: OpenAccount) -> None:
    gateway = stage.gateway(mini)
    lin = stage.touch(mini, "Lin", "enter_mini")
    code = stage.one_time_code(mini, "Lin", "login")
    session = gateway.jscode_to_session(code)
    assert session.openid == lin
    assert session.session_key
    assert session.unionid == stage.gateway(service).read_follower(stage.follow(service, "Lin"))["unionid"]
    for used in (code, "never given", stage.one_time_code(mini, "Lin", "phone")):
        with refused(BadPayload, 40029):
            gateway.jscode_to_session(used)
    with refused(AccountRefused, 40013):
        stage.gateway(service).jscode_to_session(code)


def test_logins_are_bounded_by_the_minute(stage: Stage, mini: OpenAccount) -> None:
    stage.limit("login_minute", 0)
    with refused(Throttled, 45011):
        stage.gateway(mini).jscode_to_session(stage.one_time_code(mini, "Lin", "login"))


def test_a_phone_code_works_once_and_knows_whose_it_is(stage: Stage, mini: OpenAccount) -> None:
    gateway = stage.gateway(mini)
    lin, zhao = (stage.touch(mini, person, "enter_mini") for person in ("Lin", "Zhao"))
    code = stage.one_time_code(mini, "Lin", "phone")
    with refused(RecipientRefused, 40003):
        gateway.read_phone(code, zhao)
    phone = gateway.read_phone(code, lin)
    assert (phone.number.isdigit(), len(phone.number), phone.country_code) == (True, 11, "86")
    with refused(BadPayload, 40029):
        gateway.read_phone(code)
