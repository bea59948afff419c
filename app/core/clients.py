"""The programs that may call the open API: each has a key of which we keep the hash, scopes, a programme and perhaps one unit."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, Uuid, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.audit import note
from app.core.db import Base, Moment, row_id
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.ids import new_public_id

SCOPES = {
    "members:deeds": "登记会员填表、分享、参加活动 · tell what members did: forms, shares, events",
    "orders:write": "登记订单与退货 · book orders and returns",
    "pages:read": "查看领券页 · read claim pages",
    "pages:write": "编辑、发布、关闭领券页 · save, publish and close claim pages",
    "points:read": "查询积分 · read points and statements",
    "points:write": "调整与转赠积分 · adjust and transfer points",
    "tills": "收银台：报价、占用、核销 · quotes, holds and redemptions at a till",
    "tills:why": "收银台：看到拒绝的真实原因 · the true reason of a refusal, for the clerk's screen",
    "tills:override": "收银台：主管放行未满足的条件，须写原因 · let a coupon through a condition, by a named supervisor with a reason",
    "tills:reverse": "收银台：15 分钟后撤销，须写原因 · reversals after 15 minutes, with a reason",
    "value:read": "查询储值 · read stored value and its statement",
    "value:write": "储值充值、付款、退款 · top up, pay with and refund stored value",
    "settlement:read": "查询事业部结算 · read the settlement between units",
    "settlement:close": "结账 · close a month of the settlement",
}
_PREFIX = "fk_"


class ApiClient(Base):
    """One program. Without a business unit it may book for every store of the group."""

    __tablename__ = "api_client"

    id: Mapped[int] = row_id()
    public_id: Mapped[UUID] = mapped_column(Uuid, default=new_public_id, unique=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256 of the key: the key is 256 random bits, so nothing slower is needed."""
    scopes: Mapped[list[str]] = mapped_column(JSONB)
    programme_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("programme.id"))
    business_unit_id: Mapped[int | None] = mapped_column(ForeignKey("business_unit.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


def add_client(
    session: Session, *, name: str, scopes: list[str], programme_id: int, unit_id: int | None, actor: str, now: datetime
) -> tuple[ApiClient, str]:
    """Add a client and say its key, which is shown this once and kept nowhere.

    Raises BadRequestError for a name or scope that cannot be, ConflictError when the name is taken.
    """
    if not 1 <= len(name.strip()) <= 64:
        raise BadRequestError("名称须为 1 到 64 个字 / a client needs a name of 1 to 64 characters", code="bad_name")
    strange = sorted(set(scopes) - set(SCOPES))
    if strange or not scopes:
        known = ", ".join(SCOPES)
        raise BadRequestError(f"权限须为 {known} 中的一项或几项 / scopes are some of {known}", code="bad_scope")
    if session.scalar(select(ApiClient.id).where(ApiClient.name == name.strip())) is not None:
        raise ConflictError(f"已有客户端 {name} / there is a client {name} already", code="client_known")
    key = _PREFIX + secrets.token_urlsafe(32)
    client = ApiClient(
        name=name.strip(),
        key_hash=_hash(key),
        scopes=sorted(set(scopes)),
        programme_id=programme_id,
        business_unit_id=unit_id,
        created_at=now,
    )
    session.add(client)
    session.flush()
    note(
        session,
        at=now,
        actor=actor,
        action="client.added",
        object_type="api_client",
        object_id=client.public_id,
        detail={"name": client.name, "scopes": client.scopes},
    )
    return client, key


def find_client(session: Session, key: str) -> ApiClient | None:
    """The client of a key, unless it is unknown or revoked."""
    if not key.startswith(_PREFIX) or len(key) > 128:
        return None
    return session.scalar(select(ApiClient).where(ApiClient.key_hash == _hash(key), ApiClient.revoked_at.is_(None)))


def revoke_client(session: Session, *, name: str, actor: str, now: datetime) -> ApiClient:
    """Cut a client off for good. Raises NotFoundError."""
    client = session.scalar(select(ApiClient).where(ApiClient.name == name))
    if client is None:
        raise NotFoundError(f"没有客户端 {name} / there is no client {name}", code="no_client")
    if client.revoked_at is None:
        client.revoked_at = now
        note(session, at=now, actor=actor, action="client.revoked", object_type="api_client", object_id=client.public_id, detail={})
    return client


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
