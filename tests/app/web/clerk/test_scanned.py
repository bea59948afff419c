"""Staff log in with WeChat: bound by who has the right, one word for one browser, once, for five minutes; and what it is worth."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.core import staffing
from app.core.audit import Sought, read_audit
from app.core.passwords import totp_code
from app.core.people import Role, Staff, StaffScan
from app.core.scanning import LIFE, MOST_ASKED, digest_of
from app.core.settings import _ROLES, read_settings
from app.core.unit import work
from app.web.clerk import scanned
from app.web.clerk.door import DEVICE_COOKIE, HEADER
from app.web.clerk.scanned import SCAN_COOKIE
from app.wechat.errors import BadPayload, Unanswered
from app.wechat.oauth import WebPerson
from tests.support.clerk import ORIGIN, PASSWORD, Page

APPID = "wxSite0000000001"


class Browser:
    """A browser at a paired device, nobody logged in."""

    def __init__(self, app, device_token):
        self.web = app.test_client()
        self.web.set_cookie(DEVICE_COOKIE, device_token, path="/clerk", domain="localhost")

    def post(self, path, body=None):
        return self.web.post(f"/clerk/api/{path}", json=body or {}, headers={HEADER: "1", "Origin": ORIGIN})

    def me(self):
        return self.web.get("/clerk/api/me", headers={HEADER: "1"}).json

    def ask(self, path="scan"):
        """The word WeChat has to bring back."""
        answer = self.post(path)
        assert answer.status_code == 200, answer.json
        return parse_qs(urlsplit(answer.json["go"]).query)["state"][0]

    def back(self, state, code):
        return self.post("scan/back", {"state": state, "code": code})


@pytest.fixture(autouse=True)
def wechat(house, monkeypatch):
    """WeChat knows whose code it is by the code itself: `chen` is Chen's phone; what is wrong with a code is in its name."""
    house.settings = replace(house.settings, login_appid=APPID, login_secret="secret", scan_whole_for=("clerk",))

    def exchange(house, code):
        if code.startswith("old"):
            raise BadPayload(40163, "code been used", "", APPID)
        if code.startswith("away"):
            raise Unanswered("no answer", APPID)
        return WebPerson(f"o-{code}", "")

    monkeypatch.setattr(scanned, "exchange_scan", exchange)


@pytest.fixture
def boss(house, counter, app):
    """李店长, who may give positions at the store, logged in at a device of it."""
    now = house.clock.now()
    with work(house.engine) as session:
        made = staffing.add_staff(session, house.ring, login="li", name="李店", password=PASSWORD, actor="t", now=now)
        staffing.give_position(session, made, role=Role.MANAGER, store=counter.store, actor="t", now=now)
    return Page(app.test_client(), counter, staff=made)


@pytest.fixture
def app(house):
    from app.factory import create_app

    return create_app(house)


@pytest.fixture
def browser(app, counter):
    return Browser(app, counter.device_token)


def bind(house, staff, code):
    with work(house.engine) as session:
        held = session.get_one(Staff, staff.id)
        held.wechat_digest, held.wechat_bound_at = digest_of(APPID, f"o-{code}"), house.clock.now()


def bind_by(boss, staff, code):
    """As the page does it: asked by the manager, scanned by the person, brought back to the manager's browser."""
    go = boss.post(f"staff/{staff.public_id}/wechat", {})
    if go.status_code != 200:
        return go
    state = parse_qs(urlsplit(go.json["go"]).query)["state"][0]
    return boss.post("scan/back", {"state": state, "code": code})


def actions(house, **sought):
    with work(house.engine) as session:
        return [entry.action for entry in read_audit(session, Sought(**sought), limit=100)]


def test_a_manager_binds_a_clerk_who_then_logs_in_by_scan_alone(house, counter, boss, browser):
    assert bind_by(boss, counter.chen, "chen").json == {"state": "bound", "name": "陈晨"}
    answer = browser.back(browser.ask(), "chen")
    assert (answer.status_code, answer.json["login"]) == (200, "chen")
    assert browser.me()["state"] == "in"
    with work(house.engine) as session:
        bound, entered = (read_audit(session, Sought(action=action), limit=1)[0] for action in ("staff.wechat_bound", "staff.logged_in"))
        kept = session.get_one(Staff, counter.chen.id).wechat_digest
    assert (bound.actor, bound.object_id) == ("li", str(counter.chen.public_id))
    assert (entered.actor, entered.detail["how"]) == ("chen", "scan")
    assert kept == digest_of(APPID, "o-chen")
    assert "o-chen" not in kept


def test_where_to_go_names_the_application_and_our_page(browser):
    go = urlsplit(browser.post("scan").json["go"])
    query = parse_qs(go.query)
    assert go.path == "/connect/qrconnect"
    assert (query["appid"], query["scope"], query["redirect_uri"]) == ([APPID], ["snsapi_login"], ["http://127.0.0.1:8000/clerk"])


def test_the_word_is_good_once_and_for_the_browser_that_asked(house, counter, app, browser):
    bind(house, counter.chen, "chen")
    other = Browser(app, counter.device_token)
    other.ask()
    state = browser.ask()
    assert other.back(state, "chen").json["code"] == "stale_scan"
    elsewhere = Browser(app, counter.pair())
    elsewhere.web.set_cookie(SCAN_COOKIE, browser.web.get_cookie(SCAN_COOKIE, path="/clerk").value, path="/clerk", domain="localhost")
    assert elsewhere.back(state, "chen").json["code"] == "stale_scan"
    assert browser.back(state, "chen").status_code == 200
    held = browser.web.get_cookie(SCAN_COOKIE, path="/clerk")
    assert held is None
    assert browser.back(state, "chen").json["code"] == "stale_scan"


def test_of_twenty_that_bring_the_same_word_at_once_one_is_let_in(house, counter, app, browser):
    bind(house, counter.chen, "chen")
    state = browser.ask()
    cookie = browser.web.get_cookie(SCAN_COOKIE, path="/clerk").value

    def come(_):
        twin = Browser(app, counter.device_token)
        twin.web.set_cookie(SCAN_COOKIE, cookie, path="/clerk", domain="localhost")
        return twin.back(state, "chen").status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(come, range(20)))
    assert sorted(answers) == [200] + [403] * 19


def test_a_word_is_over_after_five_minutes_and_a_made_up_one_never_began(house, counter, browser, clock):
    bind(house, counter.chen, "chen")
    state = browser.ask()
    clock.advance(LIFE + timedelta(seconds=1))
    assert browser.back(state, "chen").json["code"] == "stale_scan"
    assert browser.back("madeup", "chen").json["code"] == "stale_scan"
    assert browser.back("", "chen").json["code"] == "no_code"
    assert browser.back(browser.ask(), "").json["code"] == "no_code"
    assert browser.back("a b", "chen").status_code == 422


def test_a_word_that_failed_at_wechat_is_used_all_the_same(house, counter, browser):
    bind(house, counter.chen, "chen")
    state = browser.ask()
    assert browser.back(state, "old-code").json["code"] == "code_used"
    assert browser.back(state, "chen").json["code"] == "stale_scan"
    away = browser.back(browser.ask(), "away")
    assert (away.status_code, away.json["code"]) == (503, "wechat_away")


def test_an_unbound_wechat_and_a_stranger_to_this_store_are_told_the_same(house, counter, browser):
    with work(house.engine) as session:
        zhao = staffing.add_staff(session, house.ring, login="zhao", name="赵", password=PASSWORD, actor="t", now=house.clock.now())
        staffing.give_position(session, zhao, role=Role.CLERK, store=counter.other, actor="t", now=house.clock.now())
    bind(house, zhao, "zhao")
    told = [browser.back(browser.ask(), code).json for code in ("nobody", "zhao")]
    assert [each["code"] for each in told] == ["not_bound", "not_bound"]
    assert told[0]["detail"] == told[1]["detail"]
    bind(house, counter.chen, "chen")
    with work(house.engine) as session:
        staffing.revoke_staff(session, session.get_one(Staff, counter.chen.id), actor="t", now=house.clock.now())
        assert session.scalars(select(Staff).where(Staff.wechat_digest == digest_of(APPID, "o-chen"))).all() == []
    assert browser.back(browser.ask(), "chen").json["code"] == "not_bound"


def test_where_policy_says_so_a_password_is_owed_after_the_scan(house, counter, browser):
    bind(house, counter.wang, "wang")
    owed = browser.back(browser.ask(), "wang").json
    assert owed == {"state": "more", "needs": "password", "name": "王敏"}
    assert browser.me()["state"] == "out"
    assert browser.post("scan/more", {"password": "wrong-password"}).json["code"] == "bad_login"
    entered = browser.post("scan/more", {"password": PASSWORD})
    assert (entered.status_code, entered.json["login"]) == (200, "wang")
    assert browser.post("scan/more", {"password": PASSWORD}).json["code"] == "stale_scan"
    assert actions(house, action="staff.logged_in") == ["staff.logged_in"]


def test_who_has_an_authenticator_owes_its_code_and_the_scan_alone_opens_nothing(house, counter, app, browser, clock):
    bind(house, counter.wang, "wang")
    with work(house.engine) as session:
        secret = staffing.set_totp(session, house.ring, session.get_one(Staff, counter.wang.id), on=True, actor="t", now=clock.now())
    assert browser.back(browser.ask(), "wang").json["needs"] == "totp"
    assert browser.post("scan/more", {"password": PASSWORD}).json["code"] == "totp_needed"
    other = Browser(app, counter.device_token)
    code = totp_code(secret, int(clock.now().timestamp()) // 30)
    assert other.post("scan/more", {"totp": code}).json["code"] == "stale_scan"
    assert browser.post("scan/more", {"totp": code}).status_code == 200
    clock.advance(timedelta(minutes=1))
    assert browser.back(browser.ask(), "wang").json["needs"] == "totp"
    clock.advance(LIFE + timedelta(seconds=1))
    late = totp_code(secret, int(clock.now().timestamp()) // 30)
    assert browser.post("scan/more", {"totp": late}).json["code"] == "stale_scan"


def test_the_second_proof_is_guessed_as_seldom_as_a_log_in(house, counter, browser):
    bind(house, counter.wang, "wang")
    browser.back(browser.ask(), "wang")
    for _ in range(5):
        assert browser.post("scan/more", {"password": "wrong-password"}).status_code == 403
    assert browser.post("scan/more", {"password": PASSWORD}).status_code == 429


def test_policy_may_let_a_supervisor_in_by_scan_alone(house, counter, browser):
    house.settings = replace(house.settings, scan_whole_for=("clerk", "supervisor"))
    bind(house, counter.wang, "wang")
    assert browser.back(browser.ask(), "wang").json["state"] == "in"


def test_codes_are_not_asked_for_without_end(browser):
    for _ in range(MOST_ASKED):
        assert browser.post("scan").status_code == 200
    refused = browser.post("scan")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_old_scans_are_dropped_when_new_ones_are_asked_for(house, browser, clock):
    browser.ask()
    clock.advance(timedelta(days=2))
    browser.ask()
    with work(house.engine) as session:
        assert len(session.scalars(select(StaffScan.id)).all()) == 1


def test_only_who_looks_after_somebody_binds_him(house, counter, boss, app):
    clerk, supervisor = Page(app.test_client(), counter), Page(app.test_client(), counter, staff=counter.wang)
    for page in (clerk, supervisor):
        assert page.post(f"staff/{counter.chen.public_id}/wechat", {}).status_code == 403
    with work(house.engine) as session:
        now = house.clock.now()
        mei = staffing.add_staff(session, house.ring, login="mei", name="梅", password=PASSWORD, actor="t", now=now)
        staffing.give_position(session, mei, role=Role.ADMIN, actor="t", now=now)
        elsewhere = staffing.add_staff(session, house.ring, login="zhao", name="赵", password=PASSWORD, actor="t", now=now)
        staffing.give_position(session, elsewhere, role=Role.CLERK, store=counter.other, actor="t", now=now)
        both = staffing.add_staff(session, house.ring, login="sun", name="孙", password=PASSWORD, actor="t", now=now)
        staffing.give_position(session, both, role=Role.CLERK, store=counter.store, actor="t", now=now)
        staffing.give_position(session, both, role=Role.CLERK, store=counter.other, actor="t", now=now)
        peer = staffing.add_staff(session, house.ring, login="qian", name="钱", password=PASSWORD, actor="t", now=now)
        staffing.give_position(session, peer, role=Role.MANAGER, store=counter.store, actor="t", now=now)
    for staff in (mei, elsewhere, both, peer):
        assert bind_by(boss, staff, "x").status_code == 404, staff.login
    assert [each["login"] for each in boss.get("staff").json["staff"]] == ["chen", "li", "wang"]
    assert bind_by(boss, counter.wang, "wang").json["state"] == "bound"
    above = Page(app.test_client(), counter, staff=mei)
    for staff in (both, peer, elsewhere):
        assert bind_by(above, staff, f"w-{staff.login}").json["state"] == "bound"


def test_one_wechat_is_bound_to_one_person(counter, boss, app):
    assert bind_by(boss, counter.chen, "chen").json["state"] == "bound"
    taken = bind_by(boss, counter.wang, "chen")
    assert (taken.status_code, taken.json["code"]) == (409, "wechat_taken")


def test_a_binding_is_ended_by_who_began_it_and_while_he_has_the_right(house, counter, boss, app, browser):
    go = boss.post(f"staff/{counter.chen.public_id}/wechat", {}).json["go"]
    state = parse_qs(urlsplit(go).query)["state"][0]
    cookie = boss.web.get_cookie(SCAN_COOKIE, path="/clerk").value
    with work(house.engine) as session:
        li = session.scalars(select(Staff).where(Staff.login == "li")).one()
        staffing.take_position(session, li, role=Role.MANAGER, store=counter.store, actor="t", now=house.clock.now())
        staffing.give_position(session, li, role=Role.CLERK, store=counter.store, actor="t", now=house.clock.now())
    refused = boss.post("scan/back", {"state": state, "code": "chen"})
    assert (refused.status_code, refused.json["code"]) == (403, "no_right")
    browser.web.set_cookie(SCAN_COOKIE, cookie, path="/clerk", domain="localhost")
    assert browser.back(state, "chen").status_code in {401, 403}
    with work(house.engine) as session:
        assert session.get_one(Staff, counter.chen.id).wechat_digest is None


def test_unbinding_ends_every_log_in(house, counter, boss, browser):
    bind(house, counter.chen, "chen")
    browser.back(browser.ask(), "chen")
    assert browser.me()["state"] == "in"
    assert boss.post(f"staff/{counter.chen.public_id}/wechat/drop", {}).json["bound"] is False
    assert browser.me()["state"] == "out"
    assert browser.back(browser.ask(), "chen").json["code"] == "not_bound"
    assert boss.post(f"staff/{counter.chen.public_id}/wechat/drop", {}).status_code == 409
    assert "staff.wechat_unbound" in actions(house, actor="li")


def test_without_an_application_there_is_no_scan(house, browser, counter, boss):
    assert browser.me()["scan"] is True
    house.settings = replace(house.settings, login_appid="", login_secret="")
    assert browser.me()["scan"] is False
    assert browser.post("scan").json["code"] == "no_scan"
    assert boss.post(f"staff/{counter.chen.public_id}/wechat", {}).json["code"] == "no_scan"


def test_a_scan_from_elsewhere_or_without_a_device_is_refused(app, browser, counter):
    foreign = browser.web.post("/clerk/api/scan", json={}, headers={HEADER: "1", "Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert Browser(app, "unpaired").post("scan").status_code == 401
    assert Browser(app, "unpaired").back("s", "c").status_code == 401


def test_the_roles_of_the_setting_are_the_roles_of_the_house(environment):
    assert {str(role) for role in Role} == _ROLES
    given = {**environment, "FANKA_LOGIN_APPID": "wx1", "FANKA_LOGIN_SECRET": "s3cret", "FANKA_SCAN_WHOLE_FOR": "clerk, Manager"}
    found = read_settings(given)
    assert (found.login_appid, found.scan_whole_for) == ("wx1", ("clerk", "manager"))
    assert "s3cret" not in repr(found)
    for wrong in ({"FANKA_LOGIN_SECRET": ""}, {"FANKA_SCAN_WHOLE_FOR": "boss"}):
        with pytest.raises(Exception, match="FANKA_"):
            read_settings({**given, **wrong})
