"""The door: only our own page, only who is here, only what fits; and what every answer wears."""

import pytest
from sqlalchemy import select

from app.core import staffing
from app.core.people import Device, Role
from app.core.unit import work
from app.web.clerk.door import DEVICE_COOKIE, HEADER, STAFF_COOKIE
from tests.support.clerk import ORIGIN, PASSWORD, Page


def ask(web, **headers):
    return web.post("/clerk/api/member", json={"key": "13800000003"}, headers=headers)


def test_a_call_from_elsewhere_is_refused_whatever_cookies_it_carries(web, page):
    for headers in (
        {},
        {HEADER: "1"},
        {"Origin": ORIGIN},
        {HEADER: "1", "Origin": "https://elsewhere.example"},
        {HEADER: "1", "Origin": "null"},
        {HEADER: "1", "Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    ):
        answer = ask(web, **headers)
        assert (answer.status_code, answer.json["code"]) == (403, "foreign_origin"), headers
    assert ask(web, **{HEADER: "1", "Origin": ORIGIN}).status_code == 200


def test_a_reading_call_needs_our_header_too(web, page):
    assert web.get("/clerk/api/recent").status_code == 403
    assert page.get("recent").status_code == 200


def test_without_a_device_or_a_log_in_nothing_is_told(web, counter):
    headers = {HEADER: "1"}
    assert web.get("/clerk/api/me", headers=headers).json == {"state": "unpaired"}
    assert web.get("/clerk/api/recent", headers=headers).json["code"] == "not_paired"
    web.set_cookie(DEVICE_COOKIE, counter.device_token, path="/clerk", domain="localhost")
    assert web.get("/clerk/api/me", headers=headers).json == {"state": "out", "store": "南京西路店", "device": "收银台 1", "scan": False}
    refused = web.get("/clerk/api/recent", headers=headers)
    assert (refused.status_code, refused.json["code"], refused.json["detail"]) == (401, "not_logged_in", "请先登录")
    assert refused.json["detail_en"] == "log in first"


def test_pairing_and_logging_in_by_the_page(web, counter):
    headers = {HEADER: "1", "Origin": ORIGIN}
    paired = web.post("/clerk/api/pair", json={"code": counter.pair_code()}, headers=headers)
    assert paired.json == {"state": "out", "store": "南京西路店", "device": "收银台", "scan": False}
    wrong = web.post("/clerk/api/login", json={"login": "chen", "password": "not his password"}, headers=headers)
    assert (wrong.status_code, wrong.json["code"]) == (403, "bad_login")
    entered = web.post("/clerk/api/login", json={"login": "Chen ", "password": PASSWORD}, headers=headers)
    assert (entered.json["name"], entered.json["rights"]) == ("陈晨", ["book", "look_up", "open_card", "redeem"])
    for answer, name in ((paired, DEVICE_COOKIE), (entered, STAFF_COOKIE)):
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"{name}=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/clerk"} <= set(cookie.split("; "))
    assert web.post("/clerk/api/logout", json={}, headers=headers).json == {"state": "out"}
    assert web.get("/clerk/api/me", headers=headers).json["state"] == "out"


def test_too_many_guesses_say_when_to_come_back(web, counter):
    web.set_cookie(DEVICE_COOKIE, counter.device_token, path="/clerk", domain="localhost")
    headers = {HEADER: "1", "Origin": ORIGIN}
    for _ in range(5):
        web.post("/clerk/api/login", json={"login": "chen", "password": "guess-guess"}, headers=headers)
    locked = web.post("/clerk/api/login", json={"login": "chen", "password": PASSWORD}, headers=headers)
    assert (locked.status_code, locked.headers["Retry-After"]) == (429, "900")
    assert "15 分钟" in locked.json["detail"]


def test_a_device_that_is_cut_off_is_out_at_once(web, counter, page):
    with work(counter.house.engine) as session:
        device = select(Device).where(Device.paired_at.is_not(None))
        staffing.revoke_device(session, session.scalars(device).one(), actor="t", now=counter.house.clock.now())
    assert page.get("recent").json["code"] == "not_paired"


def test_a_right_that_is_taken_is_gone_at_the_next_call(web, counter, page):
    with work(counter.house.engine) as session:
        staffing.give_position(session, counter.chen, role=Role.FINANCE, store=counter.store, actor="t", now=counter.house.clock.now())
        staffing.take_position(session, counter.chen, role=Role.CLERK, store=counter.store, actor="t", now=counter.house.clock.now())
    refused = page.post("member", {"key": "13800000003"})
    assert (refused.status_code, refused.json["code"]) == (403, "no_right")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'{"key": "x", "more": 1}', "application/json", 422),
        (b'{"key": ""}', "application/json", 422),
        (b'{"key": "x"}', "text/plain", 415),
        (b'{"key": "' + b"x" * 20_000 + b'"}', "application/json", 413),
    ],
)
def test_what_does_not_fit_gets_a_clear_error(web, page, body, kind, status):
    answer = web.post("/clerk/api/member", data=body, content_type=kind, headers={HEADER: "1", "Origin": ORIGIN})
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


def test_the_page_wears_a_strict_policy_and_has_nothing_inline(web):
    answer = web.get("/clerk")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert "unsafe-inline" not in policy
    text = answer.text
    assert "style=" not in text
    assert text.count("<script") == text.count('<script type="module" src="/assets/own/clerk/app.js?v=')
    assert "http://" not in text
    assert "https://" not in text


def test_the_shell_is_kept_whole(web):
    worker = web.get("/clerk/sw.js")
    assert worker.headers["Service-Worker-Allowed"] == "/clerk"
    shell = worker.text.split("const SHELL = ")[1].split(";\n")[0]
    addresses = shell.strip("[]").replace('"', "").split(",")
    assert len(addresses) > 20
    for address in addresses:
        assert web.get(address).status_code == 200, address
    manifest = web.get("/clerk/manifest.webmanifest").json
    assert manifest["start_url"] == "/clerk"
    for icon in manifest["icons"]:
        assert web.get(icon["src"]).content_type == "image/png"


def test_a_supervisor_has_more_rights(web, counter):
    page = Page(web, counter, staff=counter.wang)
    assert {"undo_others", "resolve", "report"} <= set(page.get("me").json["rights"])
