"""Typed codes that give a coupon: a campaign's word with a cap, or single-use codes in batches; one refusal for whatever is wrong."""

import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError, FankaError, NotFoundError
from app.core.house import House
from app.core.ids import new_public_id
from app.core.nouns import Customer
from app.core.tries import count_try
from cards import codes
from cards.coupons.claim import Claim, Claimed, ClaimRefusedError, Path, claim, page_source
from cards.coupons.templates import find_template
from cards.models.claiming import ClaimCode
from cards.models.coupons import CouponTemplate
from cards.models.pages import ClaimPage

MOST_AT_ONCE = 10_000
PERSON_TRIES, DEVICE_TRIES, ADDRESS_TRIES = 10, 20, 240
"""Codes one person, one phone and one network address may try in ten minutes, right ones too; many phones share an address."""
WINDOW = timedelta(minutes=10)
REFUSED = "这个兑换码现在不能使用，请核对后再试 · this code cannot be used now; check it and try again"
"""One sentence for unknown, used up, over, closed and not for him: different ones would let strangers find codes."""
_WORD = re.compile(r"[0-9A-Z\u3400-\u9fff]{4,24}\Z")
_USE = text(
    "UPDATE claim_code SET used = used + 1 WHERE id = :id AND used < most AND closed_at IS NULL AND (until IS NULL OR until > :now)"
)


def add_word(session: Session, template_id: UUID, word: str, *, most: int, until: datetime | None, actor: str, now: datetime) -> ClaimCode:
    """A campaign's word, good for `most` people. Raises BadRequestError, NotFoundError, ConflictError when the word is taken."""
    template, tidy = find_template(session, template_id), codes.tidy(word)
    if not _WORD.match(tidy):
        raise BadRequestError("兑换码应为 4 到 24 个字母、数字或汉字 / a code has 4 to 24 letters, figures or characters", code="bad_word")
    _check(most, until, now=now)
    row = ClaimCode(template_id=template.id, code=tidy, most=most, until=until, actor=actor[:64], created_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise ConflictError("这个兑换码已被使用 / this word is taken", code="word_taken") from error
    detail = {"template": str(template_id), "most": most, "until": None if until is None else until.isoformat()}
    note(session, at=now, actor=actor, action="claim_code.added", object_type="claim_code", object_id=row.public_id, detail=detail)
    return row


def make_codes(
    session: Session, template_id: UUID, number: int, *, until: datetime | None, actor: str, now: datetime
) -> tuple[UUID, list[str]]:
    """Single-use codes in one batch, with the batch's id. Raises BadRequestError, NotFoundError."""
    template = find_template(session, template_id)
    if not 1 <= number <= MOST_AT_ONCE:
        raise BadRequestError(f"每批 1 到 {MOST_AT_ONCE:,} 个 / a batch has 1 to {MOST_AT_ONCE:,} codes", code="bad_number")
    _check(1, until, now=now)
    batch, made = new_public_id(), sorted({codes.new_code() for _ in range(number)})
    common = {"template_id": template.id, "batch": batch, "most": 1, "used": 0, "until": until, "actor": actor[:64], "created_at": now}
    session.execute(insert(ClaimCode), [{"public_id": new_public_id(), "code": each, **common} for each in made])
    detail = {"template": str(template_id), "number": len(made), "until": None if until is None else until.isoformat()}
    note(session, at=now, actor=actor, action="claim_codes.made", object_type="claim_code_batch", object_id=batch, detail=detail)
    secrets.SystemRandom().shuffle(made)
    return batch, made


def close_codes(session: Session, which: UUID, *, actor: str, now: datetime) -> int:
    """Stop one word, or every unused code of a batch; says how many. What they gave stays good. Raises NotFoundError."""
    mine = (ClaimCode.public_id == which) | (ClaimCode.batch == which)
    if session.scalar(select(ClaimCode.id).where(mine).limit(1)) is None:
        raise NotFoundError("没有这个兑换码 / there is no such code", code="no_claim_code")
    ended = update(ClaimCode).where(mine, ClaimCode.closed_at.is_(None), ClaimCode.used < ClaimCode.most).values(closed_at=now)
    closed = len(session.scalars(ended.returning(ClaimCode.id)).all())
    note(session, at=now, actor=actor, action="claim_code.closed", object_type="claim_code", object_id=which, detail={"closed": closed})
    return closed


def words_of(session: Session, template: CouponTemplate) -> Sequence[ClaimCode]:
    """A template's campaign words with how far they are used, the latest first."""
    query = select(ClaimCode).where(ClaimCode.template_id == template.id, ClaimCode.batch.is_(None))
    return session.scalars(query.order_by(ClaimCode.id.desc()).limit(200)).all()


def unused_of(session: Session, batch: UUID) -> Iterator[str]:
    """The codes of a batch that nobody has used, as they are printed."""
    query = select(ClaimCode.code).where(ClaimCode.batch == batch, ClaimCode.used == 0, ClaimCode.closed_at.is_(None))
    return (codes.shown(each) for each in session.scalars(query.order_by(ClaimCode.id)))


def may_try(house: House, customer: UUID, *, device: int | None, address: str) -> None:
    """Count one try before the code is looked at, in a transaction of its own. Raises TooManyError."""
    limits = [(f"claimcode:{customer}", PERSON_TRIES)]
    if device is not None:
        limits.append((f"claimcode:device:{device}", DEVICE_TRIES))
    if address:
        limits.append((f"claimcode:from:{address}", ADDRESS_TRIES))
    for key, most in limits:
        count_try(house.engine, key, most=most, window=WINDOW, now=house.clock.now())


def claim_by_code(
    session: Session, house: House, code: str, *, customer_id: int, programme_id: int, device: int | None, page: ClaimPage | None = None
) -> Claimed:
    """The coupon a code gives to this person; the same code gives him the same coupon again. `page` is the claim page it was typed on.

    Raises ClaimRefusedError (`code_refused`) with one sentence for everything; the caller's transaction is then to be rolled back.
    """
    now = house.clock.now()
    found = _find(session, code, programme_id=programme_id)
    if found is None:
        raise ClaimRefusedError(REFUSED, code="code_refused")
    row, template = found
    person = session.get_one(Customer, customer_id)
    key, source = f"code:{row.public_id}:{person.public_id}", page_source(page)
    wish = Claim(customer_id, Path.CODE, key, "h5", device=device, **source)
    try:
        given = claim(session, template, wish, registry=house.registry, now=now)
    except FankaError as error:
        if error.status >= 500:
            raise
        doubt = error.doubt if isinstance(error, ClaimRefusedError) else ""
        raise ClaimRefusedError(REFUSED, code="code_refused", doubt=doubt) from error
    if given.fresh:
        used = session.execute(_USE, {"id": row.id, "now": now})
        if used.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
            raise ClaimRefusedError(REFUSED, code="code_refused")
    return given


def _find(session: Session, code: str, *, programme_id: int) -> tuple[ClaimCode, CouponTemplate] | None:
    query = (
        select(ClaimCode, CouponTemplate)
        .join(CouponTemplate, CouponTemplate.id == ClaimCode.template_id)
        .where(ClaimCode.code == codes.tidy(code)[:32], CouponTemplate.programme_id == programme_id)
    )
    row = session.execute(query).one_or_none()
    return None if row is None else (row[0], row[1])


def _check(most: int, until: datetime | None, *, now: datetime) -> None:
    if not 1 <= most <= 2_000_000_000:
        raise BadRequestError("可用人数至少为 1 / it is good for at least one", code="bad_number")
    if until is not None and until <= now:
        raise BadRequestError("截止时间已过 / that day is over already", code="bad_until")
