"""The cookie of the phone pages: ours alone, bounded in time, and useless when altered."""

from datetime import timedelta
from uuid import UUID

import pytest

from app.core.nouns import Follower
from app.core.unit import work
from app.web.h5.session import LIFE, Pass, Seals, onward_of

LIN = Pass(account=UUID(int=7), openid="oLin", at=1_700_000_000)


def test_a_pass_comes_back_and_shows_nothing(house):
    seals = Seals(house.ring)
    cookie = seals.write_pass(LIN)
    assert "oLin" not in cookie
    from app.core.clock import from_unix

    assert seals.read_pass(cookie, now=from_unix(LIN.at) + LIFE) == LIN
    assert seals.read_pass(cookie, now=from_unix(LIN.at) + LIFE + timedelta(seconds=1)) is None
    assert seals.read_pass(cookie, now=from_unix(LIN.at) - timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    "spoil", [lambda c: c[:-2] + ("AA" if c[-2:] != "AA" else "BB"), lambda c: "", lambda c: "x" * 5000, lambda c: "é", lambda c: c[:20]]
)
def test_an_altered_pass_is_nobodys(house, spoil):
    from app.core.clock import from_unix

    cookie = Seals(house.ring).write_pass(LIN)
    assert Seals(house.ring).read_pass(spoil(cookie), now=from_unix(LIN.at)) is None


def test_a_way_is_no_pass(house):
    from app.core.clock import from_unix
    from app.web.h5.session import Way

    way = Seals(house.ring).write_way(Way(state="0" * 32, account=UUID(int=7), onward="/me", at=LIN.at))
    assert Seals(house.ring).read_pass(way, now=from_unix(LIN.at)) is None


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "//evil.example",
        "https://evil.example",
        "/clerk",
        "/me\\..",
        "/me//x",
        "javascript:alert(1)",
        "/me\nSet-Cookie: x",
        "/c/" + "x" * 400,
    ],
)
def test_nobody_is_led_elsewhere(wanted):
    assert onward_of(wanted) == "/me"


def test_own_pages_are_kept():
    assert onward_of("/c/01890000-0000-7000-8000-000000000000?a=1") == "/c/01890000-0000-7000-8000-000000000000?a=1"


def test_who_was_erased_is_out_at_once(web, house, counter):
    counter.member("oLin")
    counter.log_in(web, "oLin")
    assert web.get("/me").status_code == 200
    with work(house.engine) as session:
        session.query(Follower).update({"erased_at": house.clock.now() + timedelta(seconds=1)})
    answer = web.get("/me")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/h5/enter")
