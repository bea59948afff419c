"""docs/sandbox.md names everything there is."""

import re

import sandbox.app
from sandbox.acts.base import PERFORM
from sandbox.calls.base import OPEN_ROUTES, ROUTES
from sandbox.control.base import CONTROLS
from sandbox.state.settings import DEFAULT_QUOTA, CallbackHabits
from tests.sandbox.driver import ROOT

TEXT = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(?:[^`]*?)`", TEXT))


def test_every_call_act_control_and_quota_is_documented():
    assert sandbox.app.Sandbox
    paths = {*ROUTES, *OPEN_ROUTES, "/cgi-bin/showqrcode", *(path for _, path in CONTROLS)}
    missing = [name for name in (*paths, *PERFORM, *DEFAULT_QUOTA) if f"`{name}`" not in NAMED]
    assert missing == []
    assert [name for name in CallbackHabits.__slots__ if f"`{name}`" not in NAMED] == []


def test_nothing_is_documented_that_does_not_exist():
    paths = {*ROUTES, *OPEN_ROUTES, "/cgi-bin/showqrcode", "/cgi-bin/user/info", *(path for _, path in CONTROLS)}
    said = {
        name.strip("`").partition("<")[0].rstrip("/")
        for name in NAMED
        if name.startswith(("`/cgi-bin/", "`/card/", "`/wxa", "`/sns/", "`/_control/"))
    }
    assert said - paths - {"/_control"} == set()


def test_the_records_are_documented_as_they_are(platform, shop):
    platform.account(callback_url=shop.url)
    person, openid = platform.follower()
    template = platform.template()
    platform.call("/cgi-bin/message/template/send", {"touser": openid, "template_id": template, "data": {"thing1": {"value": "x"}}})
    platform.idle()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", TEXT[TEXT.index("## The truth log") :], re.MULTILINE))
    for type_, said in rows.items():
        record = platform.truth(type_)[-1]
        for name in ("event", "try", "appid", "msgid", "path", "errcode", "person", "openid", "unionid", "fields", "via", "status", "done"):
            assert (name in record) == (f"`{name}" in said) or type_ in {"account", "control", "call"}, f"{type_}.{name}"
    assert person in platform.log.read_text()
