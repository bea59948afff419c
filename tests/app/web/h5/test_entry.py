"""In by WeChat: the real walk over the sandbox, and every way in which somebody could try to walk it for another."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from app.web.h5.session import COOKIE, WAY_COOKIE

BACK = "http://localhost/h5/back"


@pytest.fixture
def wechat(sandbox, house, counter):
    """WeChat, which knows the account, and Lin, whose phone opens pages."""
    from tests.support.h5 import with_public_url

    with_public_url(house, "http://localhost")
    sandbox.add_account(counter.account)
    (lin, zhao) = sandbox.add_people("Lin", "Zhao")
    sandbox.control("browser", {"person": lin["id"]})
    return sandbox, lin, zhao


def walk(web, path="/me"):
    """From a page to WeChat and back, as a phone goes; returns the answer of `/h5/back`."""
    to = web.get(path)
    enter = web.get(to.headers["Location"])
    answer = requests.get(enter.headers["Location"], allow_redirects=False, timeout=10)
    back = urlsplit(answer.headers["Location"])
    assert back.path == "/h5/back"
    return web.get(f"{back.path}?{back.query}"), back.query


def test_a_phone_walks_in_and_lands_where_it_wanted(web, house, counter, wechat):
    sandbox, lin, _ = wechat
    answer, _ = walk(web, "/me/points?before=5")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/me/points?before=5")
    held = next(value for value in answer.headers.getlist("Set-Cookie") if value.startswith(COOKIE))
    assert "HttpOnly" in held
    assert "SameSite=Lax" in held
    assert "Max-Age=604800" in held
    openid = sandbox.person(lin["id"])["openids"][counter.account.appid]
    assert openid not in held
    counter.member(openid)
    assert web.get("/me").status_code == 200


def test_who_only_looks_leaves_no_trace(web, house, counter, wechat):
    from sqlalchemy import func, select

    from app.core.nouns import Customer, Follower
    from app.core.unit import reading

    walk(web)
    assert web.get("/join").status_code == 200
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(Follower)) == 0
        assert session.scalar(select(func.count()).select_from(Customer)) == 0


def test_behind_https_the_cookie_is_secure(web, house, counter):
    from tests.support.h5 import with_public_url

    with_public_url(house, "https://card.example")
    answer = web.get("/h5/enter")
    assert "Secure" in answer.headers["Set-Cookie"]
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["redirect_uri"] == ["https://card.example/h5/back"]
    assert re.fullmatch(r"[0-9a-f]{32}", query["state"][0])
    assert answer.headers["Location"].endswith("#wechat_redirect")


def test_a_link_that_somebody_else_began_leads_nowhere(web, house, counter, wechat):
    """An attacker sends his own code: the phone that opens it must not become the attacker's."""
    from app.factory import create_app

    attacker = create_app(house).test_client()
    enter = attacker.get("/h5/enter")
    answer = requests.get(enter.headers["Location"], allow_redirects=False, timeout=10)
    query = urlsplit(answer.headers["Location"]).query
    victim = create_app(house).test_client()
    refused = victim.get(f"/h5/back?{query}")
    assert refused.status_code == 400
    assert victim.get_cookie(COOKIE) is None
    victim.get("/h5/enter")
    assert victim.get(f"/h5/back?{query}").status_code == 400
    assert victim.get_cookie(COOKIE) is None


def test_a_code_and_a_way_work_once_and_not_for_ever(web, house, counter, wechat):
    _, query = walk(web)
    assert web.get_cookie(WAY_COOKIE) is None
    assert web.get(f"/h5/back?{query}").status_code == 400
    enter = web.get("/h5/enter")
    state = parse_qs(urlsplit(enter.headers["Location"]).query)["state"][0]
    assert web.get(f"/h5/back?code=made-up&state={state}").status_code == 400
    assert web.get(f"/h5/back?state={state}").status_code == 400
    house.clock.advance(timedelta(minutes=11))
    assert web.get(f"/h5/back?code=x&state={state}").status_code == 400


def test_wechat_being_away_is_said(web, house, counter):
    enter = web.get("/h5/enter")
    state = parse_qs(urlsplit(enter.headers["Location"]).query)["state"][0]
    answer = web.get(f"/h5/back?code=x&state={state}")
    assert answer.status_code == 503
    assert "微信暂时没有应答" in answer.get_data(as_text=True)


def test_the_account_named_in_the_address_is_the_one_asked(web, house, counter, make_account):
    other = make_account(name="海岸超市", priority=1)
    appid = parse_qs(urlsplit(web.get("/h5/enter").headers["Location"]).query)["appid"]
    assert appid == [other.appid]
    named = web.get(f"/h5/enter?a={counter.account.public_id}")
    assert parse_qs(urlsplit(named.headers["Location"]).query)["appid"] == [counter.account.appid]
    assert web.get("/me?a=xyz").headers["Location"] == "/h5/enter?next=%2Fme%3Fa%3Dxyz&a=xyz"
