"""Claim pages over the API: versions that are not written over, one guarded publishing, pictures, scopes, and problems with a reason."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from app.core.nouns import AuditEntry
from app.core.unit import reading
from cards.models.coupons import TemplateState
from cards.models.pages import PageVersion
from tests.support.api import make_caller
from tests.support.h5 import open_counter
from tests.support.pages import banner

TEXT = {"kind": "text", "text": "欢迎"}


@pytest.fixture
def counter(house, make_account):
    return open_counter(house, make_account())


@pytest.fixture
def caller(house, web, counter):
    return make_caller(house, web, programme_id=counter.programme_id)


def body(*blocks, **more):
    return {"title": "会员日", "blocks": list(blocks) or [TEXT], **more}


def put(caller, path, said, key):
    headers = {"Authorization": f"Bearer {caller.key}", "Idempotency-Key": key}
    return caller.web.put(f"/api/v1{path}", json=said, headers=headers)


def test_a_page_is_made_published_and_closed(house, caller, counter):
    picture = caller.post("/pages/pictures", {"content": base64.b64encode(banner()).decode()}).json
    assert (picture["width"], picture["height"], picture["url"]) == (900, 420, f"/p/picture/{picture['picture']}.jpg")
    template = counter.template()
    blocks = ({"kind": "picture", "picture": picture["picture"], "alt": "海报"}, {"kind": "coupon", "template": template})
    made = caller.post("/pages", body(*blocks, slug="day-1", until_at="2026-12-01T00:00:00+08:00"), key="make")
    assert (made.status_code, made.json["state"], made.json["live"]) == (201, "draft", None)
    assert made.json["draft"]["until_at"] == "2026-11-30T16:00:00Z"
    assert made.json["draft"]["blocks"][1] == {"kind": "coupon", "template": template, "label": None}
    again = caller.post("/pages", body(*blocks, slug="day-1", until_at="2026-12-01T00:00:00+08:00"), key="make")
    assert (again.headers["Idempotency-Hit"], again.json) == ("true", made.json)
    assert caller.post("/pages", body(slug="day-1")).json["code"] == "slug_taken"
    out = caller.post("/pages/day-1/publish", {"number": 1})
    assert (out.status_code, out.json["state"], out.json["live"]["number"]) == (200, "published", 1)
    assert caller.post("/pages/day-1/publish", {"number": 1}).status_code == 200
    caller.post("/pages", body(slug="day-2"))
    first = caller.get("/pages?limit=1").json
    assert ([each["slug"] for each in first["pages"]], first["next"]) == (["day-2"], "day-2")
    rest = caller.get("/pages?after=day-2").json
    assert ([(each["slug"], each["live_number"]) for each in rest["pages"]], rest["next"]) == ([("day-1", 1)], None)
    assert caller.post("/pages/day-1/close", {}).json["state"] == "closed"
    assert caller.post("/pages/day-1/publish", {"number": 1}).json["code"] == "page_closed"
    assert put(caller, "/pages/day-1", body(based_on=1), "late").json["code"] == "page_closed"
    with reading(house.engine) as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.object_type == "claim_page").order_by(AuditEntry.id)).all()
    assert actions == ["page.saved", "page.published", "page.saved", "page.closed"]


def test_nobody_writes_over_what_he_has_not_seen(house, caller):
    caller.post("/pages", body(slug="day-1"))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: put(caller, "/pages/day-1", body(based_on=1, title=f"第 {n} 人"), f"k-{n}"), range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    assert {each.json["code"] for each in answers if each.status_code == 409} == {"page_changed"}
    # Whoever looked at the first version does not publish the second one.
    assert caller.post("/pages/day-1/publish", {"number": 1}).json["code"] == "page_changed"
    assert caller.post("/pages/day-1/publish", {"number": 3}).json["code"] == "no_version"
    assert caller.post("/pages/day-1/publish", {"number": 2}).status_code == 200
    with reading(house.engine) as session:
        assert session.scalar(select(func.count()).select_from(PageVersion)) == 2


def test_what_leads_nowhere_or_is_not_open_is_said(caller, counter):
    strange = caller.post("/pages", body({"kind": "picture", "picture": "a" * 64, "alt": "图"}, slug="day-1"))
    assert (strange.status_code, strange.json["code"]) == (422, "unknown_picture")
    nobody = "01890000-0000-7000-8000-000000000001"
    assert caller.post("/pages", body({"kind": "coupon", "template": nobody}, slug="day-1")).json["code"] == "unknown_template"
    html = caller.post("/pages", body({"kind": "html", "html": "<b>"}, slug="day-1"))
    assert (html.status_code, html.json["code"]) == (422, "invalid")
    assert caller.post("/pages", body(slug="Ein Name")).status_code == 422
    assert caller.post("/pages/pictures", {"content": "####"}).json["code"] == "bad_picture"
    assert caller.get("/pages/day-1").json["code"] == "no_page"
    draft = counter.template("还没开", state=TemplateState.DRAFT)
    caller.post("/pages", body({"kind": "coupon", "template": draft}, slug="day-1"))
    refused = caller.post("/pages/day-1/publish", {"number": 1})
    assert (refused.status_code, refused.json["code"]) == (409, "template_not_open")
    assert "还没开" in refused.json["detail"]
    caller.post("/pages", body(slug="day-2", until_at="2026-11-22T11:59:00+08:00"))
    assert caller.post("/pages/day-2/publish", {"number": 1}).json["code"] == "page_over"


def test_scopes_and_programmes_are_guarded(house, web, caller, counter):
    caller.post("/pages", body(slug="day-1"))
    reader = make_caller(house, web, programme_id=counter.programme_id, scopes=["pages:read"])
    assert reader.get("/pages/day-1").status_code == 200
    assert reader.post("/pages/day-1/close", {}).json["code"] == "scope_missing"
    assert make_caller(house, web, programme_id=counter.programme_id, scopes=["tills"]).get("/pages").json["code"] == "scope_missing"
