"""Accounts with their secrets opened, held per process for a few seconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError
from app.core.ids import new_public_id
from app.core.nouns import Account, AccountKind, Mode, Retention
from app.core.secrets import KeyRing
from app.core.unit import reading

AES_KEY_SIGNS = 43


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """An account as the gateway needs it. `repr` never shows what is secret."""

    id: int
    public_id: UUID
    appid: str
    name: str
    kind: AccountKind
    mode: Mode
    retention: Retention
    client_msg_id_trusted: bool
    priority: int
    per_second: int
    per_minute: int
    per_day: int
    secret: str = field(repr=False)
    token: str = field(repr=False)
    aes_key: str = field(repr=False)


class AccountBook:
    """Looks accounts up by appid or id. Each process keeps what it read for `ttl_s`, so that a webhook costs no query."""

    def __init__(self, engine: Engine, ring: KeyRing, *, ttl_s: float = 5.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._ring = ring
        self._ttl_s = ttl_s
        self._monotonic = monotonic
        self._read_at = -1e9
        self._by_appid: dict[str, OpenAccount] = {}

    def all(self) -> list[OpenAccount]:
        """Every account, by appid. While the database is away the last known ones are served."""
        return sorted(self._known().values(), key=lambda account: account.appid)

    def by_appid(self, appid: str) -> OpenAccount | None:
        return self._known().get(appid)

    def by_id(self, account_id: int) -> OpenAccount | None:
        return next((account for account in self._known().values() if account.id == account_id), None)

    def forget(self) -> None:
        """Read again at the next look-up."""
        self._read_at = -1e9

    def _known(self) -> dict[str, OpenAccount]:
        if self._monotonic() - self._read_at > self._ttl_s:
            self._refresh()
        return self._by_appid

    def _refresh(self) -> None:
        try:
            with reading(self._engine, timeout_ms=2000) as session:
                rows = session.scalars(select(Account)).all()
                fresh = {row.appid: open_account(row, ring=self._ring) for row in rows}
        except Exception:
            if not self._by_appid:
                raise
            # Known accounts outlive a database that is away: their webhooks must still be accepted into the inbox.
            self._read_at = self._monotonic()
            return
        self._by_appid = fresh
        self._read_at = self._monotonic()


def open_account(row: Account, *, ring: KeyRing) -> OpenAccount:
    """Unseal an account's row. Raises UnsealError."""

    def opened(sealed: bytes, column: str) -> str:
        return ring.open(sealed, table="account", column=column, row=row.public_id)

    return OpenAccount(
        id=row.id,
        public_id=row.public_id,
        appid=row.appid,
        name=row.name,
        kind=AccountKind(row.kind),
        mode=Mode(row.mode),
        retention=Retention(row.retention),
        client_msg_id_trusted=row.client_msg_id_trusted,
        priority=row.priority,
        per_second=row.per_second,
        per_minute=row.per_minute,
        per_day=row.per_day,
        secret=opened(row.secret_sealed, "secret_sealed"),
        token=opened(row.token_sealed, "token_sealed"),
        aes_key="" if row.aes_key_sealed is None else opened(row.aes_key_sealed, "aes_key_sealed"),
    )


def add_account(
    session: Session,
    *,
    ring: KeyRing,
    now: datetime,
    appid: str,
    name: str,
    kind: AccountKind,
    mode: Mode,
    secret: str,
    token: str,
    aes_key: str = "",
    retention: Retention = Retention.ERASE,
    client_msg_id_trusted: bool = False,
    priority: int = 100,
    actor: str = "system",
) -> Account:
    """Add an account with its secrets sealed.

    Raises BadRequestError when a field is malformed, ConflictError when the appid is known.
    """
    if not (appid.isascii() and appid.isalnum() and 3 <= len(appid) <= 32):
        raise BadRequestError("the AppID has letters and digits only, as in wx0123456789abcdef", code="bad_appid")
    if not 0 < len(name.strip()) <= 64:
        raise BadRequestError("the account needs a name of 1 to 64 characters", code="bad_name")
    if not 1 <= len(secret) <= 128 or not secret.isascii():
        raise BadRequestError("the AppSecret is missing or not ASCII", code="bad_secret")
    if not (3 <= len(token) <= 32 and token.isascii() and token.isalnum()):
        raise BadRequestError("the token has 3 to 32 letters and digits, as WeChat asks", code="bad_token")
    check_aes_key(aes_key, mode=mode)
    if session.scalar(select(Account.id).where(Account.appid == appid)) is not None:
        raise ConflictError(f"account {appid} is already here", code="account_known")
    public_id = new_public_id()

    def sealed(value: str, column: str) -> bytes:
        return ring.seal(value, table="account", column=column, row=public_id)

    row = Account(
        public_id=public_id,
        appid=appid,
        name=name.strip(),
        kind=kind,
        mode=mode,
        secret_sealed=sealed(secret, "secret_sealed"),
        token_sealed=sealed(token, "token_sealed"),
        aes_key_sealed=sealed(aes_key, "aes_key_sealed") if aes_key else None,
        retention=retention,
        client_msg_id_trusted=client_msg_id_trusted,
        priority=priority,
        created_at=now,
    )
    session.add(row)
    session.flush()
    detail = {"appid": appid, "kind": str(kind), "mode": str(mode), "retention": str(retention)}
    note(session, at=now, actor=actor, action="account.added", object_type="account", object_id=public_id, detail=detail)
    return row


def check_aes_key(aes_key: str, *, mode: Mode) -> None:
    """Refuse an EncodingAESKey that WeChat could not have made: 43 letters and digits. Raises BadRequestError."""
    if mode is Mode.PLAIN and not aes_key:
        return
    if len(aes_key) != AES_KEY_SIGNS or not aes_key.isascii() or not aes_key.isalnum():
        raise BadRequestError(
            f"the EncodingAESKey has {AES_KEY_SIGNS} letters and digits, not {len(aes_key)} characters", code="bad_aes_key"
        )
