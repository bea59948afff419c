"""The trial: every line is read, every total reconciled, and nothing of a member is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.bulk import table_of
from app.core.clock import business_day
from app.core.house import House
from app.core.ids import new_public_id
from app.core.nouns import Customer, Store
from app.core.unit import reading, work
from cards.models.coupons import CouponTemplate
from cards.models.membership import CardState, ImportRun, MemberCard
from cards.models.tiers import Tier
from cards.numbers import tidy_number
from cards.old_numbers import find_old_number
from cards.phones import KIND
from cards.vendor_import.files import Bundle
from cards.vendor_import.rows import CouponRow, MemberRow, PointsRow, end_of
from cards.vendor_import.stage import Problems, Stage, staged

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Expected:
    """The vendor's own figures, where he gave them: what the files hold must equal them."""

    members: int | None = None
    points: int | None = None
    value_fen: int | None = None
    coupons: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial found. Only without problems may the bundle be run."""

    digest: str
    members: int
    points: int
    value_fen: int
    coupons: int
    known: int
    """Members whose phone we know already: they are bound, not doubled."""
    problems: Problems

    @property
    def passed(self) -> bool:
        return self.problems.total == 0


def try_bundle(house: House, bundle: Bundle, *, programme_id: int, expected: Expected) -> Trial:
    """Read and reconcile a bundle. One that passes is remembered by its digest, so that it and nothing else is run."""
    problems = Problems()
    with staged(bundle, problems) as stage:
        members, points, value_fen, coupons = stage.totals()
        _compare(expected, {"members": members, "points": points, "value_fen": value_fen, "coupons": coupons}, problems)
        _check_inside(stage, problems)
        _check_dates(stage, problems, now=house.clock.now())
        with reading(house.engine) as session:
            _check_names(session, stage, problems, programme_id=programme_id)
            known = _count_known(house, session, stage, problems, programme_id=programme_id)
    trial = Trial(bundle.digest(), members, points, value_fen, coupons, known, problems)
    if trial.passed:
        _remember(house, bundle, trial, programme_id=programme_id)
    return trial


def _compare(expected: Expected, found: dict[str, int], problems: Problems) -> None:
    for name, number in found.items():
        wanted = getattr(expected, name)
        if wanted is not None and wanted != number:
            problems.add(
                "totals", 0, f"{name}: 对方给出 {wanted:,}, 文件合计 {number:,} / the vendor says {wanted:,}, the files hold {number:,}"
            )


# Each finds lines that do not fit the rest of the bundle.
_INSIDE = (
    ("members", "同一 member_id 出现多次 / this member_id stands twice", "SELECT max(line) FROM member GROUP BY id HAVING count(*) > 1"),
    ("members", "同一手机号出现多次 / this phone stands twice", "SELECT max(line) FROM member GROUP BY phone HAVING count(*) > 1"),
    (
        "members",
        "同一卡号出现多次 / this card number stands twice",
        "SELECT max(line) FROM member WHERE number IS NOT NULL GROUP BY number HAVING count(*) > 1",
    ),
    ("points", "没有这位会员 / there is no such member", "SELECT line FROM lot WHERE member NOT IN (SELECT id FROM member)"),
    ("balances", "没有这位会员 / there is no such member", "SELECT line FROM balance WHERE member NOT IN (SELECT id FROM member)"),
    ("coupons", "没有这位会员 / there is no such member", "SELECT line FROM coupon WHERE member NOT IN (SELECT id FROM member)"),
    (
        "coupons",
        "同一 coupon_id 出现多次 / this coupon_id stands twice",
        "SELECT max(line) FROM coupon GROUP BY coupon HAVING count(*) > 1",
    ),
    (
        "members",
        "积分与明细之和不符 / points differ from the sum of the lots",
        """SELECT line FROM member WHERE points IS NOT NULL
           AND points <> (SELECT coalesce(sum(lot.points), 0) FROM lot WHERE lot.member = member.id)""",
    ),
    (
        "members",
        "余额与明细之和不符 / the balance differs from the sum of its lines",
        """SELECT line FROM member WHERE value_fen IS NOT NULL
           AND value_fen <> (SELECT coalesce(sum(balance.value_fen), 0) FROM balance WHERE balance.member = member.id)""",
    ),
)


def _check_inside(stage: Stage, problems: Problems) -> None:
    for file, why, query in _INSIDE:
        for (line,) in stage.base.execute(query):
            problems.add(file, line, why)


def _check_dates(stage: Stage, problems: Problems, *, now: datetime) -> None:
    for line, body in stage.base.execute("SELECT line, body FROM lot"):
        row = PointsRow.model_validate_json(body)
        ends = end_of(row.expires_on)
        if ends is not None and (
            ends <= now or (row.available_on is not None and row.expires_on is not None and row.expires_on < row.available_on)
        ):
            problems.add("points", line, "expires_on: 已过期或早于可用日 / over already, or before it can be used")
    for line, body in stage.base.execute("SELECT line, body FROM member"):
        member = MemberRow.model_validate_json(body)
        if member.joined_on is not None and member.joined_on > business_day(now):
            problems.add("members", line, "joined_on: 在未来 / lies in the future")
    for line, body in stage.base.execute("SELECT line, body FROM coupon"):
        ends = end_of(CouponRow.model_validate_json(body).expires_on)
        if ends is not None and ends <= now:
            problems.add("coupons", line, "expires_on: 已过期 / over already")


def _check_names(session: Session, stage: Stage, problems: Problems, *, programme_id: int) -> None:
    """Tiers, stores and coupon templates must be ours already."""
    tiers = set(session.scalars(select(Tier.name).where(Tier.programme_id == programme_id)))
    stores = set(session.scalars(select(Store.code)))
    named = select(CouponTemplate.name).where(CouponTemplate.programme_id == programme_id)
    templates = set(session.scalars(named.group_by(CouponTemplate.name).having(func.count() == 1)))
    for line, body in stage.base.execute("SELECT line, body FROM member"):
        row = MemberRow.model_validate_json(body)
        if row.tier and row.tier not in tiers:
            problems.add("members", line, f"tier: 没有等级 {row.tier} / there is no tier {row.tier}")
        if row.store and row.store not in stores:
            problems.add("members", line, f"store: 没有门店 {row.store} / there is no store {row.store}")
    for line, template in stage.base.execute("SELECT line, template FROM coupon"):
        if template not in templates:
            problems.add("coupons", line, f"template: 没有(唯一的)券模板 {template} / there is not one coupon template {template}")


def _count_known(house: House, session: Session, stage: Stage, problems: Problems, *, programme_id: int) -> int:
    """How many phones we know; and no card number may be somebody else's."""
    known = 0
    for chunk in _chunks(stage):
        hashes = {each: (line, number) for line, phone, number in chunk for each in house.ring.lookup_hashes(phone, kind=KIND)}
        numbers = {number: line for line, _, number in chunk if number is not None}
        held = session.execute(
            select(Customer.id, Customer.phone_lookup, Customer.phone_lookup_next).where(
                or_(Customer.phone_lookup.in_(list(hashes)), Customer.phone_lookup_next.in_(list(hashes)))
            )
        ).all()
        owners = {hashes[each][0]: row.id for row in held for each in (row.phone_lookup, row.phone_lookup_next) if each in hashes}
        known += len(owners)
        taken = select(MemberCard.number, MemberCard.customer_id, MemberCard.state, MemberCard.programme_id).where(
            MemberCard.number.in_(list(numbers))
        )
        for card in session.execute(taken):
            line = numbers[card.number]
            if card.state != CardState.ACTIVE or card.programme_id != programme_id or owners.get(line) != card.customer_id:
                problems.add("members", line, "card_number: 卡号已被别人使用 / this card number is somebody else's")
        for number, line in numbers.items():
            old = None if tidy_number(number) else find_old_number(session, house.ring, programme_id=programme_id, written=number)
            if old is not None and owners.get(line) != old.customer_id:
                problems.add("members", line, "card_number: 旧卡号已属于别人 / this old card number is somebody else's")
    return known


def _chunks(stage: Stage) -> Iterator[list[tuple[int, str, str | None]]]:
    cursor = stage.base.execute("SELECT line, phone, number FROM member ORDER BY line")
    while chunk := cursor.fetchmany(_CHUNK):
        yield chunk


def _remember(house: House, bundle: Bundle, trial: Trial, *, programme_id: int) -> None:
    row = {
        "public_id": new_public_id(),
        "programme_id": programme_id,
        "vendor": bundle.vendor,
        "digest": trial.digest,
        "state": "tried",
        "members": trial.members,
        "points": trial.points,
        "value_fen": trial.value_fen,
        "done": 0,
        "tried_at": house.clock.now(),
    }
    with work(house.engine) as session:
        session.execute(pg_insert(table_of(ImportRun)).values(row).on_conflict_do_nothing(index_elements=["programme_id", "digest"]))
