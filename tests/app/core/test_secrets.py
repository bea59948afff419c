"""Sealed values open only where they belong, and rings rotate."""

import pytest

from app.core.errors import SettingError
from app.core.ids import new_public_id
from app.core.secrets import KeyRing, UnsealError, _ring, new_key, read_ring_file, write_ring_file


def ring(*key_ids: str, lookup: tuple[str, ...] = ("l1",)) -> KeyRing:
    made = {key_id: new_key(key_id) for key_id in (*key_ids, *lookup)}
    return KeyRing(_ring(",".join(made[key_id] for key_id in key_ids), "K"), _ring(",".join(made[key_id] for key_id in lookup), "L"))


def test_a_sealed_value_opens_in_its_own_place_only():
    keys, row = ring("k1"), new_public_id()
    sealed = keys.seal("13800000003", table="customer", column="phone_sealed", row=row)
    assert b"138" not in sealed
    assert keys.open(sealed, table="customer", column="phone_sealed", row=row) == "13800000003"
    for place in (
        {"table": "account", "column": "phone_sealed", "row": row},
        {"table": "customer", "column": "name_sealed", "row": row},
        {"table": "customer", "column": "phone_sealed", "row": new_public_id()},
    ):
        with pytest.raises(UnsealError):
            keys.open(sealed, **place)


@pytest.mark.parametrize("at", [0, 1, 2, 5, -1])
def test_an_altered_byte_is_noticed(at):
    keys, row = ring("k1"), new_public_id()
    sealed = bytearray(keys.seal("secret", table="t", column="c", row=row))
    sealed[at] ^= 1
    with pytest.raises(UnsealError):
        keys.open(bytes(sealed), table="t", column="c", row=row)


@pytest.mark.parametrize("junk", [b"", b"\x01", b"\x01\x02k1", b"\x02" + b"x" * 60])
def test_what_was_never_sealed_is_refused(junk):
    with pytest.raises(UnsealError):
        ring("k1").open(junk, table="t", column="c", row=new_public_id())


def test_after_rotation_old_values_open_and_new_ones_use_the_new_key():
    both, row = ring("k2", "k1"), new_public_id()
    old = KeyRing((both.sealing[1],), both.lookup)
    sealed = old.seal("secret", table="t", column="c", row=row)
    assert both.open(sealed, table="t", column="c", row=row) == "secret"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("secret", table="t", column="c", row=row))
    with pytest.raises(UnsealError):
        old.open(both.seal("secret", table="t", column="c", row=row), table="t", column="c", row=row)


def test_lookup_hashes_differ_by_kind_and_key_and_cover_a_rotation():
    keys = ring("k1", lookup=("l2", "l1"))
    assert keys.lookup_hash("138", kind="phone") != keys.lookup_hash("138", kind="email")
    assert keys.lookup_hash("138", kind="phone") == keys.lookup_hashes("138", kind="phone")[0]
    assert len(set(keys.lookup_hashes("138", kind="phone"))) == 2


def test_the_keys_file_is_for_its_owner_only(tmp_path):
    path = tmp_path / "keys.json"
    write_ring_file(path, keys=new_key("k1"), lookup_keys=new_key("l1"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_ring_file(path).sealing[0][0] == "k1"
    path.chmod(0o644)
    with pytest.raises(SettingError, match="chmod 600"):
        read_ring_file(path)


@pytest.mark.parametrize("written", ["k1", "k1:%%%", "k1:AAAA", ":" + "A" * 43 + "=", "k1:" + "A" * 43 + "=,k1:" + "B" * 43 + "="])
def test_a_malformed_ring_is_refused(written):
    with pytest.raises(SettingError):
        _ring(written, "FANKA_KEYS")
