"""Keys at a terminal: made, added, rotated and retired, in a file or in the environment; never shown by the list."""

import base64

import pytest

from app.core.accounts import open_account
from app.core.nouns import Account
from app.core.secrets import read_ring_file
from app.core.unit import reading


@pytest.fixture
def in_file(house, tmp_path, doc, change_settings, make_account):
    """A house whose keys lie in a file, with one account sealed."""
    path = tmp_path / "keys.json"
    doc("keys", "new", "--file", str(path))
    change_settings(keys_file=path, keys=None, lookup_keys=None)
    house.ring = read_ring_file(path)
    return path, make_account()


def test_new_keys_are_written_for_the_owner_alone_and_never_over_others(tmp_path, doc, fanka):
    path = tmp_path / "keys.json"
    doc("keys", "new", "--file", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_text()
    assert fanka("keys", "new", "--file", str(path)).code == 1
    assert path.read_text() == before
    made = doc("keys", "new")
    assert made["FANKA_KEYS"].startswith("k1:")
    assert made != doc("keys", "new")


def test_a_whole_rotation_in_a_file(in_file, house, doc, fanka):
    path, account = in_file
    assert doc("keys", "list")["sealing"] == [{"id": "k1", "in_use": True, "values": 3}]
    assert doc("keys", "add")["added"] == ["k2", "l2"]
    listed = doc("keys", "list")
    assert [(each["id"], each["in_use"], each["values"]) for each in listed["sealing"]] == [("k1", True, 3), ("k2", False, 0)]
    assert fanka("keys", "retire", "k1").code == 1
    rotated = doc("keys", "rotate")
    assert (rotated["sealed"], rotated["in_use"], rotated["old"]) == (3, ["k2", "l2"], ["k1", "l1"])
    assert doc("keys", "rotate")["sealed"] == 0
    assert doc("keys", "retire", "k1", "l1") == {"retired": ["k1", "l1"]}
    ring = read_ring_file(path)
    assert [key_id for key_id, _ in (*ring.sealing, *ring.lookup)] == ["k2", "l2"]
    with reading(house.engine) as session:
        assert open_account(session.get(Account, account.id), ring=ring).secret == account.secret


def test_a_key_that_is_needed_stays(in_file, fanka, doc):
    doc("keys", "add")
    assert fanka("keys", "retire", "k1", json=True).json["error"]["code"] == "key_in_use"
    assert fanka("keys", "retire", "k9", json=True).json["error"]["code"] == "no_key"


def test_keys_in_the_environment_are_said_not_written(doc, house, make_account):
    make_account()
    added = doc("keys", "add")
    assert [part.split(":")[0] for part in added["FANKA_KEYS"].split(",")] == ["k1", "k2"]
    assert added["FANKA_LOOKUP_KEYS"].startswith("l1:")


def test_the_list_shows_no_key(in_file, fanka):
    path, _ = in_file
    said = fanka("keys", "list").out + fanka("keys", "list", json=True).out
    held = read_ring_file(path)
    for _, key in (*held.sealing, *held.lookup):
        assert base64.b64encode(key).decode() not in said
