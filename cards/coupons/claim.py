"""Claiming: one coupon per cause, within stock and every limit, whoever asks at the same moment."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.clock import SHANGHAI, business_day
from app.core.errors import ConflictError, NotFoundError
from app.core.facts import Fact, record
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.registry import Registry
from cards.blocks import is_blocked
from cards.codes import new_code, new_number
from cards.coupon_type import read_terms
from cards.coupons.worth import budget_guards, settle_worth
from cards.fraud import claim_limits, doubt_claim
from cards.guards import Guarded, lock_shared, take
from cards.ledger.post import Cause
from cards.ledger.spend import spend
from cards.ledger.wallets import open_wallet
from cards.models.coupons import Coupon, CouponPool, CouponState, CouponTemplate, TemplateState
from cards.models.pages import ClaimPage
from tagging.segments import compile_tree, parse_tree

_COUPON = table_of(Coupon)


class Path(enum.StrEnum):
    """How a coupon came to its customer."""

    PAGE = "page"
    CODE = "code"
    POINTS = "points"
    KEYWORD = "keyword"
    MENU = "menu"
    CHANNEL = "channel"
    TIER = "tier"
    BIRTHDAY = "birthday"
    WECHAT = "wechat"
    """Taken as a card of WeChat's own wallet."""
    FACT = "fact"
    CLERK = "clerk"
    BATCH = "batch"
    GIFT = "gift"
    IMPORT = "import"


CHOSEN = (Path.PAGE, Path.CODE, Path.POINTS)
"""The customer took it himself: he pays its price, and without a code it must be claimable."""

NOT_NOW = "现在不能领取 · it cannot be claimed now"
_REFUSALS = {
    "stock": "已领完 · none are left",
    "person": "您已领到上限 · your limit is reached",
    "person_day": "您今天已领到上限 · your limit of today is reached",
    "day": "今天已领完，请明天再来 · none are left today",
}


class ClaimRefusedError(ConflictError):
    """No coupon is given. `code` says why: sold_out, limit_reached, limit_reached_today, sold_out_today, not_claimable, not_for_you.

    `doubt` names what a person should look at: a second account of one phone number, or many on one device.
    """

    def __init__(self, detail: str, *, code: str, doubt: str = "") -> None:
        super().__init__(detail, code=code)
        self.doubt = doubt


_CODES = {"stock": "sold_out", "person": "limit_reached", "person_day": "limit_reached_today", "day": "sold_out_today"}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A coupon in its customer's hand; `fresh` is False when this cause had given it before."""

    coupon: Coupon
    fresh: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Why somebody gets a coupon. `key` names the cause: the same one gives the same coupon."""

    customer_id: int
    path: Path
    key: str
    actor: str
    batch_id: int | None = None
    store_id: int | None = None
    device: int | None = None
    """The phone he holds, where it is known."""
    page_id: int | None = None
    """The claim page he takes it on, when it is one."""
    data: dict[str, Any] = field(default_factory=dict)


def claim(session: Session, template: CouponTemplate, wish: Claim, *, registry: Registry, now: datetime) -> Claimed:
    """Give one coupon of a template. A known cause gives the coupon it gave before.

    Raises ClaimRefusedError (stock, limits, audience, dates), NotFoundError for no such customer, and InsufficientPointsError;
    after any of them the caller's transaction (or savepoint) is to be rolled back.
    """
    person = session.get(Customer, wish.customer_id)
    if person is None or person.joined_into_id is not None:
        raise NotFoundError("there is no such customer any more", code="no_such_customer")
    coupon = _insert(session, template, wish, now=now)
    if coupon is None:
        known = session.scalars(select(Coupon).where(Coupon.cause_key == wish.key)).one()
        if known.template_id != template.id or known.customer_id != wish.customer_id:
            raise ConflictError("this key has given another coupon", code="key_reused")
        return Claimed(known, fresh=False)
    check_open(session, template, wish, now=now)
    by_device, by_template = claim_limits(template, wish.device, now=now), limits(session, template, person, now=now)
    lock_shared(session, [*by_template, *budget_guards(template)])
    refused = take(session, [*by_template, *by_device])
    if refused is not None:
        raise ClaimRefusedError(_REFUSALS[refused.refusal], code=_CODES[refused.refusal], doubt=doubt_claim(refused, person.id))
    if not settle_worth(session, template, coupon, now=now):
        raise ClaimRefusedError(_REFUSALS["stock"], code=_CODES["stock"])
    if wish.path in CHOSEN and template.price_points:
        wallet_id = open_wallet(session, customer_id=wish.customer_id, programme_id=template.programme_id)
        paid = Cause(f"coupon:{coupon.public_id}", f"兑换 {template.name}", wish.actor, now, now, wish.store_id)
        spend(session, wallet_id=wallet_id, amount=template.price_points, unit_id=template.unit_id, cause=paid)
    record(session, [claimed_fact(template, coupon, wish, now=now)], registry=registry, now=now)
    return Claimed(coupon, fresh=True)


def page_source(page: ClaimPage | None) -> dict[str, Any]:
    """What a claim on a page says of where it came from: on the coupon, and in the fact, by which segments and tags find it."""
    return {} if page is None else {"page_id": page.id, "data": {"page": page.slug}}


def check_open(session: Session, template: CouponTemplate, wish: Claim, *, now: datetime) -> None:
    """Whether the template gives anything to this person now. Raises ClaimRefusedError."""
    chosen = wish.path in (Path.PAGE, Path.POINTS)
    early = template.claim_from is not None and now < template.claim_from
    late = template.claim_until is not None and now >= template.claim_until
    if template.state != TemplateState.OPEN or (chosen and not template.claimable) or early or late:
        raise ClaimRefusedError(NOT_NOW, code="not_claimable")
    if is_blocked(session, wish.customer_id, device=wish.device, now=now):
        # Nobody is told that he is on a list.
        raise ClaimRefusedError(NOT_NOW, code="not_claimable")
    starts, ends = validity(template, now=now)
    if ends <= starts or ends <= now:
        raise ClaimRefusedError("已过有效期 · its dates are over", code="not_claimable")
    if template.audience is not None:
        found = compile_tree(parse_tree(template.audience), now).subquery()
        if session.scalar(select(found.c.customer_id).where(found.c.customer_id == wish.customer_id)) is None:
            raise ClaimRefusedError("这张券不对您开放 · it is not for you", code="not_for_you")


def limits(session: Session, template: CouponTemplate, person: Customer, *, now: datetime) -> list[Guarded]:
    """Every count that one claim takes: the template's own and its pool's."""
    places: list[tuple[str, CouponTemplate | CouponPool]] = [(f"template:{template.id}", template)]
    if template.pool_id is not None:
        places.append((f"pool:{template.pool_id}", session.get_one(CouponPool, template.pool_id, populate_existing=True)))
    people = same_people(session, person)
    today = business_day(now).isoformat()
    return [guard for place, holder in places for guard in _limits_of(place, holder, people, today)]


def same_people(session: Session, person: Customer) -> list[int]:
    """The ids whose limits this person uses up: his own, and the oldest customer with his phone, so that a second account brings no second coupon."""
    if person.phone_lookup is None:
        return [person.id]
    hashes = [known for known in (person.phone_lookup, person.phone_lookup_next) if known is not None]
    alike = or_(Customer.phone_lookup.in_(hashes), Customer.phone_lookup_next.in_(hashes))
    oldest = session.scalar(select(Customer.id).where(alike, Customer.joined_into_id.is_(None)).order_by(Customer.id).limit(1))
    return sorted({person.id, oldest or person.id})


def validity(template: CouponTemplate, *, now: datetime) -> tuple[datetime, datetime]:
    """From when and until when (UTC) a coupon claimed now is good. Days are whole days in Shanghai, the day of the claim being day one."""
    starts = max(now, template.valid_from or now)
    if template.days_wait:
        starts = max(starts, _midnight(now, template.days_wait))
    if template.days_valid is None:
        assert template.valid_until is not None
        return starts, template.valid_until
    ends = _midnight(starts, template.days_valid)
    return starts, ends if template.valid_until is None else min(ends, template.valid_until)


def claimed_fact(template: CouponTemplate, coupon: Coupon, wish: Claim, *, now: datetime) -> Fact:
    """The fact that a coupon was claimed."""
    data = {"template": str(template.public_id), "coupon": str(coupon.public_id), "path": wish.path, "card_id": str(template.public_id)}
    return Fact(f"coupon:{coupon.public_id}:claimed", "coupon.claimed", now, {**wish.data, **data}, customer_id=coupon.customer_id)


def _insert(session: Session, template: CouponTemplate, wish: Claim, *, now: datetime) -> Coupon | None:
    """The cause's row first: a parallel twin waits here. None when the cause is known."""
    kind, terms = read_terms(template.type, template.terms)
    starts, ends = validity(template, now=now)
    row = {
        "public_id": new_public_id(),
        "template_id": template.id,
        "customer_id": wish.customer_id,
        "code": new_code(),
        "number": new_number(),
        "cause_key": wish.key,
        "path": wish.path,
        "batch_id": wish.batch_id,
        "device": wish.device,
        "page_id": wish.page_id,
        "state": CouponState.ISSUED,
        "valid_from": starts,
        # A template whose dates are over is refused a moment later, by its name; the row itself must stand until then.
        "expires_at": max(ends, starts + timedelta(seconds=1)),
        "uses_total": kind.uses(terms),
        "uses_left": kind.uses(terms),
        "issued_at": now,
        "changed_at": now,
    }
    made = session.scalar(pg_insert(_COUPON).values(row).on_conflict_do_nothing(index_elements=["cause_key"]).returning(_COUPON.c.id))
    return None if made is None else session.get_one(Coupon, made)


def _limits_of(place: str, holder: CouponTemplate | CouponPool, people: Sequence[int], today: str) -> Iterator[Guarded]:
    for person in people:
        if holder.per_person is not None:
            yield Guarded(f"{place}:person", holder.per_person, person, refusal="person")
        if holder.per_person_day is not None:
            yield Guarded(f"{place}:person", holder.per_person_day, person, slot=today, refusal="person_day")
    if holder.per_day is not None:
        yield Guarded(f"{place}:day", holder.per_day, slot=today, refusal="day")
    if holder.stock is not None:
        yield Guarded(f"{place}:stock", holder.stock, refusal="stock")


def _midnight(moment: datetime, days: int) -> datetime:
    """The beginning of the day `days` days after a moment's, in Shanghai."""
    local = moment.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    return (local + timedelta(days=days)).astimezone(moment.tzinfo)
