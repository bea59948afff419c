"""Programmes of the group: made, found by name, and given an opening gift."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import BusinessUnit
from cards.expiry import tidy_day
from cards.ledger.post import check_amount
from cards.membership import only_programme
from cards.models.membership import OpeningGift
from cards.models.programme import Expiry, Programme, ReturnPolicy


def add_programme(
    session: Session,
    *,
    name: str,
    return_policy: ReturnPolicy,
    expiry: Expiry,
    expiry_months: int,
    pending_days: int,
    actor: str,
    now: datetime,
    expiry_day: str | None = None,
) -> Programme:
    """Make a programme. `expiry_day` (`MM-DD`) belongs to a fixed day alone. Raises BadRequestError, and ConflictError for a name that is taken."""
    day = _day_of(expiry, expiry_day)
    if not 1 <= len(name.strip()) <= 64:
        raise BadRequestError("名称为 1 到 64 个字 / a name has 1 to 64 characters", code="bad_name")
    if not 0 <= expiry_months <= 120 or not 0 <= pending_days <= 365:
        raise BadRequestError(
            "有效期 0 到 120 个月, 待生效 0 到 365 天 / an expiry of 0 to 120 months, 0 to 365 days pending", code="bad_programme"
        )
    made = Programme(
        name=name.strip(),
        return_policy=return_policy,
        expiry=expiry,
        expiry_months=expiry_months,
        expiry_day=day,
        pending_days=pending_days,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        raise ConflictError(f"会员计划 {name} 已有 / there is a programme {name} already", code="programme_exists") from error
    note(
        session,
        at=now,
        actor=actor,
        action="programme.added",
        object_type="programme",
        object_id=made.public_id,
        detail={"name": made.name},
    )
    return made


def set_expiry(session: Session, programme: Programme, *, expiry: Expiry, months: int, day: str | None, actor: str, now: datetime) -> None:
    """Say when points that are earned from now on expire. What was earned before keeps the day it was promised. Raises BadRequestError."""
    if not 0 <= months <= 120:
        raise BadRequestError("有效期 0 到 120 个月 / an expiry of 0 to 120 months", code="bad_programme")
    locked = session.get_one(Programme, programme.id, with_for_update=True)
    locked.expiry, locked.expiry_months, locked.expiry_day = expiry, months, _day_of(expiry, day)
    session.flush()
    detail = {"expiry": expiry.value, "months": months, "day": locked.expiry_day}
    note(session, at=now, actor=actor, action="programme.expiry_set", object_type="programme", object_id=locked.public_id, detail=detail)


def set_receipt_days(session: Session, programme: Programme, *, days: int, actor: str, now: datetime) -> None:
    """Say how long after a purchase its receipt may be sent in; 0 takes none. Raises BadRequestError."""
    if not 0 <= days <= 365:
        raise BadRequestError("小票期限 0 到 365 天 / 0 to 365 days for receipts", code="bad_programme")
    locked = session.get_one(Programme, programme.id, with_for_update=True)
    locked.receipt_days = days
    session.flush()
    detail = {"days": days}
    note(session, at=now, actor=actor, action="programme.receipts_set", object_type="programme", object_id=locked.public_id, detail=detail)


def _day_of(expiry: Expiry, day: str | None) -> str | None:
    if (expiry == Expiry.FIXED_DAY) != (day is not None):
        raise BadRequestError(
            "固定日到期须写明日期, 其他方式不写 / a fixed day needs its day, and nothing else has one", code="bad_programme"
        )
    return None if day is None else tidy_day(day)


def programme_called(session: Session, name: str | None) -> Programme:
    """A programme by its name; without one, the only one there is. Raises NotFoundError."""
    if name is None:
        return only_programme(session)
    found = session.scalar(select(Programme).where(Programme.name == name))
    if found is None:
        raise NotFoundError(f"没有会员计划 {name} / there is no programme {name}", code="no_programme")
    return found


def unit_called(session: Session, name: str) -> BusinessUnit:
    """A business unit by its name. Raises NotFoundError."""
    found = session.scalar(select(BusinessUnit).where(BusinessUnit.name == name))
    if found is None:
        raise NotFoundError(f"没有事业部 {name} / there is no business unit {name}", code="no_unit")
    return found


def set_gift(session: Session, programme: Programme, *, points: int, unit: BusinessUnit | None, actor: str, now: datetime) -> None:
    """Say what opening a card gives, issued by a unit; 0 points take the gift away. Cards that are open already get nothing. Raises BadRequestError."""
    held = session.get(OpeningGift, programme.id)
    if points == 0:
        if held is not None:
            session.delete(held)
    else:
        check_amount(points)
        if unit is None:
            raise BadRequestError("请指明由哪个事业部承担 / say which unit gives it", code="no_unit")
        said = {"points": points, "business_unit_id": unit.id, "changed_at": now}
        session.execute(
            pg_insert(table_of(OpeningGift))
            .values(programme_id=programme.id, **said)
            .on_conflict_do_update(index_elements=["programme_id"], set_=said)
        )
    session.flush()
    detail = {"points": points, "unit": None if unit is None else unit.name}
    note(session, at=now, actor=actor, action="opening_gift.set", object_type="programme", object_id=programme.public_id, detail=detail)
