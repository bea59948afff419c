"""Sealing at rest: AES-GCM bound to table, column and row, a key ring that rotates, and keyed look-up hashes."""

import base64
import binascii
import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.errors import SettingError
from app.core.settings import Settings

_VERSION = 1
_NONCE_BYTES = 12
_KEY_BYTES = 32


class UnsealError(Exception):
    """A sealed value does not open: wrong row, wrong column, unknown key or altered bytes."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys that seal columns and the keys that hash look-ups. The first of each is in use, the others only open what is old."""

    sealing: tuple[tuple[str, bytes], ...]
    lookup: tuple[tuple[str, bytes], ...]

    def seal(self, plain: str, *, table: str, column: str, row: UUID) -> bytes:
        """Encrypt `plain` so that it opens only in this column of this row (`row` is the row's public id)."""
        return self.seal_bytes(plain.encode(), table=table, column=column, row=row)

    def seal_bytes(self, plain: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """The same for what is no text, such as a picture."""
        key_id, key = self.sealing[0]
        nonce = os.urandom(_NONCE_BYTES)
        box = AESGCM(key).encrypt(nonce, plain, _bound(table, column, row))
        return sealed_start(key_id) + nonce + box

    def open(self, sealed: bytes, *, table: str, column: str, row: UUID) -> str:
        """Decrypt what `seal` made. Raises UnsealError."""
        try:
            return self.open_bytes(sealed, table=table, column=column, row=row).decode()
        except UnicodeDecodeError as error:
            raise UnsealError("the sealed value is no text") from error

    def open_bytes(self, sealed: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """Decrypt what `seal_bytes` made, or a text as its bytes. Raises UnsealError."""
        key_id, rest = _split(sealed)
        key = dict(self.sealing).get(key_id)
        if key is None:
            raise UnsealError(f"no key {key_id!r} in the ring")
        try:
            return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(table, column, row))
        except (InvalidTag, ValueError) as error:
            raise UnsealError("the sealed value does not belong to this row or was altered") from error

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value is sealed with the key now in use."""
        return _split(sealed)[0] == self.sealing[0][0]

    def lookup_hash(self, value: str, *, kind: str) -> bytes:
        """The keyed hash under which a phone or e-mail is found; `kind` keeps two columns from being joined."""
        return _keyed(self.lookup[0][1], value, kind)

    def lookup_hashes(self, value: str, *, kind: str) -> list[bytes]:
        """Every hash a value may be stored under while the look-up key rotates."""
        return [_keyed(key, value, kind) for _, key in self.lookup]


def sealed_start(key_id: str) -> bytes:
    """How every value sealed with this key begins."""
    name = key_id.encode()
    return bytes([_VERSION, len(name)]) + name


def read_ring(settings: Settings) -> KeyRing:
    """The ring from the environment or from the keys file. Raises SettingError."""
    if settings.keys and settings.lookup_keys:
        return KeyRing(_ring(settings.keys, "FANKA_KEYS"), _ring(settings.lookup_keys, "FANKA_LOOKUP_KEYS"))
    path = settings.keys_file
    if path is None:
        raise SettingError("FANKA_KEYS is not set")
    return read_ring_file(path)


def read_ring_file(path: Path) -> KeyRing:
    """The ring kept in a file that only its owner may read."""
    try:
        if path.stat().st_mode & 0o077:
            raise SettingError(f"FANKA_KEYS_FILE {path} may be read by others; run chmod 600 on it")
        held = json.loads(path.read_text())
        return KeyRing(_ring(held["keys"], "FANKA_KEYS_FILE"), _ring(held["lookup_keys"], "FANKA_KEYS_FILE"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(f"FANKA_KEYS_FILE {path} cannot be read: {type(error).__name__}") from error


def new_key(key_id: str) -> str:
    """A fresh key in the written form `id:base64`."""
    return f"{key_id}:{base64.b64encode(os.urandom(_KEY_BYTES)).decode()}"


def write_ring_file(path: Path, *, keys: str, lookup_keys: str) -> None:
    """Write both rings so that a crash leaves either the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"keys": keys, "lookup_keys": lookup_keys}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _ring(written: str, name: str) -> tuple[tuple[str, bytes], ...]:
    ring = []
    for part in written.split(","):
        key_id, _, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SettingError(f"{name}: key {key_id!r} is not base64") from error
        if not key_id or len(key) != _KEY_BYTES:
            raise SettingError(f"{name}: each key is written id:base64 of {_KEY_BYTES} bytes")
        ring.append((key_id, key))
    if len({key_id for key_id, _ in ring}) != len(ring):
        raise SettingError(f"{name}: two keys share an id")
    return tuple(ring)


def _bound(table: str, column: str, row: UUID) -> bytes:
    return f"{table}.{column}:{row}".encode()


def _keyed(key: bytes, value: str, kind: str) -> bytes:
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).digest()


def _split(sealed: bytes) -> tuple[str, bytes]:
    if len(sealed) < 2 or sealed[0] != _VERSION or len(sealed) < 2 + sealed[1] + _NONCE_BYTES + 16:
        raise UnsealError("not a sealed value")
    return sealed[2 : 2 + sealed[1]].decode(errors="replace"), sealed[2 + sealed[1] :]
