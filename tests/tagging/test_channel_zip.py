"""The ZIP of codes: safe names, page by page, complete or not there, and WeChat is not asked."""

import csv
from datetime import timedelta
from zipfile import ZipFile

import pytest

from app.core.errors import BadRequestError
from app.core.unit import work
from tagging import channel_zip
from tagging.channel_zip import Wish, Zipped, safe_stem, zip_channels
from tagging.models import Channel


@pytest.fixture
def channels(house, make_account):
    """Five channels of two accounts; one waits for its code, one ended."""
    first, second = make_account(), make_account()
    now = house.clock.now()
    with work(house.engine) as session:
        for number, (account, name, url, left_s) in enumerate(
            [
                (first, "静安店/东门", "http://w.test/1", None),
                (second, "静安店/东门", "http://w.test/2", None),
                (first, "=1+1", "http://w.test/3", 60),
                (first, "no code yet", None, None),
                (first, "ended", "http://w.test/5", 0),
            ]
        ):
            ends = None if left_s is None else now + timedelta(seconds=left_s)
            row = Channel(account_id=account.id, name=name, scene=f"s{number}", permanent=ends is None, url=url, expires_at=ends)
            row.life_s, row.created_at = None if ends is None else 60, now
            session.add(row)


def test_every_code_that_works_is_in_it_under_a_name_of_its_own(house, channels, tmp_path, monkeypatch):
    monkeypatch.setattr(channel_zip, "PAGE", 2)
    seen = []
    made = zip_channels(house, tmp_path / "a.zip", Wish(pictures=("svg",)), progress=lambda done, total: seen.append((done, total)))
    assert (made.channels, made.pictures, made.left_out) == (3, 3, 2)
    assert seen == [(2, 5), (4, 5), (5, 5)]
    with ZipFile(tmp_path / "a.zip") as book:
        assert book.namelist() == ["静安店_东门.svg", "静安店_东门 (2).svg", "=1+1.svg", "index.csv"]
        rows = list(csv.reader(book.read("index.csv").decode("utf-8-sig").splitlines()))
    assert rows[0] == ["name", "kind", "scene", "account", "file", "expires_at"]
    # A spreadsheet must not run what a name says.
    assert [row[0] for row in rows[1:]] == ["静安店/东门", "静安店/东门", "'=1+1"]
    assert [row[2] for row in rows[1:]] == ["s0", "s1", "s2"]
    assert [bool(row[5]) for row in rows[1:]] == [False, False, True]


@pytest.mark.parametrize("broken", [KeyboardInterrupt, BadRequestError])
def test_stopped_half_way_the_older_file_stays(house, channels, tmp_path, broken):
    path = tmp_path / "a.zip"
    path.write_bytes(b"older")

    def stop(*_):
        raise broken("stop")

    with pytest.raises(broken):
        zip_channels(house, path, Wish(pictures=("svg",)), progress=stop)
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\codes", "C__codes"),
        ("\u202egnp\x00.", "gnp"),
        ("con", "_con"),
        ("...", "channel"),
        ("店" * 99, "店" * 66),
    ],
)
def test_a_name_leads_nowhere(name, stem):
    assert safe_stem(name) == stem


def test_names_that_differ_in_capitals_alone_are_numbered():
    made = Zipped()
    assert [made.stem(name) for name in ("Gate", "gate", "gate (2)", "GATE")] == ["Gate", "gate (2)", "gate (2) (2)", "GATE (3)"]
