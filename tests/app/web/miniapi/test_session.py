"""Logging in from a mini program: the code works once, the token is sealed, and who only looks leaves nothing here."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.core.nouns import Customer, Follower
from app.core.unit import reading
from app.web.miniapi import door
from app.wechat.errors import Unreached
from app.wechat.gateway import WeChatGateway


def test_a_code_becomes_a_token_once_and_nothing_is_kept(mini, house):
    code = mini.code("Lin")
    answer = mini.session(code)
    said = answer.get_json()
    assert (answer.status_code, set(said), said["member"]) == (200, {"token", "expires_at", "member"}, False)
    assert datetime.fromisoformat(said["expires_at"]) == house.clock.now() + timedelta(hours=2)
    again = mini.session(code)
    assert (again.status_code, again.get_json()["code"], again.content_type) == (400, "bad_code", "application/problem+json")
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Follower)) == 0
        assert session.scalar(select(func.count()).select_from(Customer)) == 0


def test_only_a_mini_program_of_the_house_is_asked(mini):
    for appid in (mini.counter.account.appid, "wxnobody"):
        assert mini.session(mini.code("Lin"), appid=appid).get_json()["code"] == "unknown_account"


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": 7}, {"code": "x y"}, {"code": "x" * 257}, {"code": "x", "openid": "oZhao"}])
def test_what_does_not_fit_is_a_problem_document(mini, body):
    answer = mini.web.post(f"/mini/{mini.account.appid}/session", json=body)
    assert (answer.status_code, answer.content_type, answer.get_json()["code"]) == (422, "application/problem+json", "invalid")


def test_a_body_is_small_json(mini):
    address = f"/mini/{mini.account.appid}/session"
    assert mini.web.post(address, json={"code": "x" * 9000}).status_code == 413
    assert mini.web.post(address, data="code=1").status_code == 415
    assert mini.web.post(address, data="{" * 3000, content_type="application/json").status_code == 400


def test_one_address_does_not_try_codes_without_end(mini, house, monkeypatch):
    monkeypatch.setattr(door, "MOST_PER_ADDRESS", 2)
    assert [mini.session("never").status_code for _ in range(3)] == [400, 400, 429]
    assert int(mini.session("never").headers["Retry-After"]) > 0
    house.clock.advance(timedelta(seconds=61))
    assert mini.session(mini.code("Lin")).status_code == 200


def test_wechat_away_is_said_and_not_taken_for_a_bad_code(mini, monkeypatch):
    def away(self, code):
        raise Unreached("nobody is at home")

    monkeypatch.setattr(WeChatGateway, "jscode_to_session", away)
    answer = mini.session("any")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "wechat_away")


def test_the_calls_describe_themselves(mini):
    document = mini.web.get("/mini/openapi.json").get_json()
    assert set(document["paths"]) == {"/{appid}/session", "/{appid}/card"}
    assert set(document["paths"]["/{appid}/card"]) >= {"get", "post"}
    assert {"200", "201", "400", "401", "503"} <= set(document["paths"]["/{appid}/card"]["post"]["responses"])
