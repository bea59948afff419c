"""What a CRM answers, as a schema: types are strict, everything is bounded, and a member is compared with what was asked before he is believed."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.clock import business_day
from app.core.errors import BadRequestError
from cards.crm.call import CrmError
from cards.models.coupons import CouponTemplate
from cards.models.tiers import Tier
from cards.phones import tidy_phone
from cards.vendor_import.rows import Amount, CouponRow, Key, MemberRow, PointsRow, Total, end_of
from cards.vendor_import.stage import Person

MOST_LOTS, MOST_COUPONS = 400, 100
_PLAIN = r"^[^\x00-\x1f]*$"
_Word = Annotated[str, StringConstraints(max_length=64, pattern=_PLAIN)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Lot(_Part):
    """Points that end together. Usable from the beginning of `available_on` to the end of `expires_on`, days in Asia/Shanghai."""

    points: Amount
    expires_on: date | None = None
    available_on: date | None = None


class CouponThere(_Part):
    """A coupon of a template of ours, by the template's name."""

    id: Key
    template: Key
    expires_on: date | None = None


class MemberThere(_Part):
    """A member as his CRM tells him. `points` is the sum of the lots: it is compared."""

    id: Key
    phone: _Word
    card_number: _Word | None = None
    name: _Word = ""
    tier: Annotated[str, StringConstraints(max_length=32, pattern=_PLAIN)] = ""
    tier_until: date | None = None
    birthday: Annotated[str, StringConstraints(max_length=10, pattern=_PLAIN)] = ""
    joined_on: date | None = None
    points: Total
    lots: Annotated[list[Lot], Field(max_length=MOST_LOTS)] = []
    balance_fen: Total = 0
    coupons: Annotated[list[CouponThere], Field(max_length=MOST_COUPONS)] = []


class AnswerThere(_Part):
    """The whole document. `member` must be there, be it null."""

    member: MemberThere | None


def read_answer(body: bytes) -> MemberThere | None:
    """The member in an answer, or None for nobody. Raises CrmError whose reason names the field and quotes nothing of the answer."""
    try:
        return AnswerThere.model_validate_json(body).member
    except ValidationError as error:
        raise CrmError(_reason(error)) from None


def believed(session: Session, there: MemberThere, *, phone: str, programme_id: int, now: datetime) -> Person:
    """A member as the vendor import takes him. Raises CrmError for another phone, wrong sums, days that are over and names we do not have."""
    if _tidy(there.phone) != phone:
        raise CrmError("other_phone")
    if sum(lot.points for lot in there.lots) != there.points:
        raise CrmError("points_differ")
    if there.joined_on is not None and there.joined_on > business_day(now):
        raise CrmError("joined_later")
    for day in (*(lot.expires_on for lot in there.lots), *(coupon.expires_on for coupon in there.coupons)):
        ends = end_of(day)
        if ends is not None and ends <= now:
            raise CrmError("over_already")
    if any(lot.expires_on and lot.available_on and lot.expires_on < lot.available_on for lot in there.lots):
        raise CrmError("over_already")
    if len({coupon.id for coupon in there.coupons}) != len(there.coupons):
        raise CrmError("coupon_twice")
    _check_names(session, there, programme_id=programme_id)
    return _person(there)


def _check_names(session: Session, there: MemberThere, *, programme_id: int) -> None:
    tiers = select(func.count()).select_from(Tier).where(Tier.programme_id == programme_id, Tier.name == there.tier)
    if there.tier and session.scalar(tiers) != 1:
        raise CrmError("no_tier")
    names = sorted({coupon.template for coupon in there.coupons})
    held = select(CouponTemplate.name).where(CouponTemplate.programme_id == programme_id, CouponTemplate.name.in_(names))
    if names and sorted(session.scalars(held)) != names:
        raise CrmError("no_template")


def _person(there: MemberThere) -> Person:
    try:
        row = MemberRow.model_validate(
            {
                "member_id": there.id,
                "phone": there.phone,
                "card_number": there.card_number,
                "name": there.name,
                "tier": there.tier,
                "tier_until": there.tier_until,
                "birthday": there.birthday,
                "joined_on": there.joined_on,
                "points": there.points,
                "balance_fen": there.balance_fen,
            }
        )
        lots = [
            PointsRow(member_id=there.id, points=lot.points, expires_on=lot.expires_on, available_on=lot.available_on) for lot in there.lots
        ]
        coupons = [
            CouponRow(member_id=there.id, coupon_id=each.id, template=each.template, expires_on=each.expires_on) for each in there.coupons
        ]
    except ValidationError as error:
        raise CrmError(_reason(error)) from None
    return Person(row, list(enumerate(lots, start=1)), [there.balance_fen] if there.balance_fen else [], coupons)


def _tidy(written: str) -> str:
    try:
        return tidy_phone(written)
    except BadRequestError:
        raise CrmError("other_phone") from None


def _reason(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier())
    return f"bad_answer:{where or 'document'}"
