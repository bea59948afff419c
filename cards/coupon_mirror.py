"""Coupons that also lie in WeChat's wallet: what is used here is consumed there, and the other way round; each once, in any order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, FankaError
from app.core.facts import Fact, record
from app.core.house import House
from app.core.log import get_logger
from app.core.nouns import Store
from app.core.registry import Registry
from app.core.unit import reading, work
from app.wechat.card_product import CardCode, CardGoneError, card_product
from app.wechat.gateway import gateway_for
from cards.blocks import is_blocked
from cards.coupon_type import read_terms
from cards.coupons.claim import Claim, Path, claim
from cards.coupons.gifts import pass_on
from cards.coupons.use import REDEEMED, lock_coupon
from cards.models.coupon_mirror import CouponMirror, MirroredCoupon
from cards.models.coupons import Coupon, CouponState, CouponTemplate
from cards.models.redemption import CouponUse, Suspicion, UseKind
from cards.phones import living_customer

log = get_logger(__name__)
ACTOR, OUR_CALL = "微信卡包", "FROM_API"
_MIRRORED = table_of(MirroredCoupon)
# Over there it is used already, whatever our conditions would have said.
_USE = text(
    """
    UPDATE coupon SET uses_left = 0, state = 'used', hold_id = NULL, held_until = NULL, changed_at = :now
    WHERE id = :id AND uses_left > 0 AND state IN ('issued', 'held', 'expired')
    """
)
_LEAVE = text("UPDATE coupon SET state = 'given', changed_at = :now WHERE id = :id AND state = 'issued' AND uses_left = uses_total")


def set_up_coupon_mirror(
    session: Session, template: CouponTemplate, *, account_id: int, store_id: int, adapter: str, card_id: str, actor: str, now: datetime
) -> CouponMirror:
    """Say that a kind of card of an account is this template. Raises BadRequestError, ConflictError when the card is known."""
    card_product(adapter)
    kind, terms = read_terms(template.type, template.terms)
    if kind.uses(terms) != 1 or template.value_rule is not None:
        raise BadRequestError(
            "微信卡包里的券只能用一次、面值固定 / in WeChat's wallet a coupon has one use and one value", code="not_mirrorable"
        )
    if not 0 < len(card_id) <= 64:
        raise BadRequestError("card_id 有误 / that is no card_id", code="bad_card_id")
    here = (CouponMirror.account_id == account_id, CouponMirror.card_id == card_id)
    if session.scalar(select(CouponMirror.id).where(*here)) is not None:
        raise ConflictError("这种微信卡券已对应一个模板 / this card stands for a template already", code="mirror_exists")
    mirror = CouponMirror(
        template_id=template.id, account_id=account_id, store_id=store_id, adapter=adapter, card_id=card_id, created_at=now
    )
    session.add(mirror)
    session.flush()
    detail = {"template": str(template.public_id), "adapter": adapter, "card_id": card_id}
    note(session, at=now, actor=actor, action="coupon_mirror.added", object_type="coupon_mirror", object_id=mirror.public_id, detail=detail)
    return mirror


def find_coupon_mirror(session: Session, *, account_id: int, card_id: str) -> CouponMirror | None:
    """The mirror that a kind of card belongs to; None for cards that are not ours."""
    return session.scalar(select(CouponMirror).where(CouponMirror.account_id == account_id, CouponMirror.card_id == card_id))


def took_card(
    session: Session, mirror: CouponMirror, *, code: str, old_code: str, customer_id: int, registry: Registry, now: datetime
) -> None:
    """Somebody put the card into his wallet: he holds the coupon here too. `old_code` is the card of the friend who gave it.

    What WeChat consumed before we heard of the taking is used at once. Raises ClaimRefusedError when our limits are reached.
    """
    row = _row(session, mirror, code)
    if row.coupon_id is not None:
        return
    person = living_customer(session, customer_id)
    template = session.get_one(CouponTemplate, mirror.template_id)
    given = _from_friend(session, mirror, old_code, taker_id=person.id, key=f"wechat:{mirror.id}:{code}", now=now) if old_code else None
    if given is None:
        wish = Claim(person.id, Path.WECHAT, f"wechat:{mirror.id}:{code}", ACTOR)
        given = claim(session, template, wish, registry=registry, now=now).coupon
    row.coupon_id = given.id
    session.flush()
    if row.consumed_at is not None:
        _book_use(session, mirror, row, registry=registry, now=now)


def consumed_there(
    session: Session, mirror: CouponMirror, *, code: str, source: str, at: datetime, registry: Registry, now: datetime
) -> None:
    """WeChat says that a card was consumed. What we asked for ourselves is our own echo; anything else uses the coupon here, once."""
    row = _row(session, mirror, code)
    if row.consumed_at is not None or (source == OUR_CALL and row.asked_at is not None):
        return
    row.consumed_at, row.consumed_source = at, source[:32]
    session.flush()
    if row.coupon_id is not None:
        _book_use(session, mirror, row, registry=registry, now=now)


@dataclass(frozen=True, slots=True)
class ToTell:
    """A card of WeChat's that is to be consumed, because its coupon was used here."""

    row_id: int
    account_id: int
    adapter: str
    card: CardCode


def tell_used(house: House, coupon: str) -> int:
    """Consume the cards of a coupon (its public id) that was used here; says how many calls it took. It may be repeated.

    That we ask is written down before we do, so that the event which comes of it is known as our own. Raises WeChatError.
    """
    now, calls = house.clock.now(), 0
    with work(house.engine) as session:
        waiting = _to_tell(session, coupon)
        for each in waiting:
            session.execute(update(MirroredCoupon).where(MirroredCoupon.id == each.row_id).values(asked_at=now))
    for each in waiting:
        account = house.accounts.by_id(each.account_id)
        if account is None:
            continue
        try:
            card_product(each.adapter).consume(gateway_for(house, account), each.card)
        except CardGoneError:
            log.info("card_gone_already", row=each.row_id)
        calls += 1
        with work(house.engine) as session:
            session.execute(update(MirroredCoupon).where(MirroredCoupon.id == each.row_id).values(told_at=house.clock.now()))
    return calls


def _to_tell(session: Session, coupon: str) -> list[ToTell]:
    query = (
        select(MirroredCoupon, CouponMirror)
        .join(CouponMirror, CouponMirror.id == MirroredCoupon.mirror_id)
        .join(Coupon, Coupon.id == MirroredCoupon.coupon_id)
        # One that was given back to its customer meanwhile stays good over there, too.
        .where(Coupon.public_id == coupon, Coupon.state == CouponState.USED)
        .where(MirroredCoupon.told_at.is_(None), MirroredCoupon.consumed_at.is_(None))
        .order_by(MirroredCoupon.id)
        .with_for_update(of=MirroredCoupon)
    )
    return [ToTell(row.id, mirror.account_id, mirror.adapter, CardCode(mirror.card_id, row.code)) for row, mirror in session.execute(query)]


def _row(session: Session, mirror: CouponMirror, code: str) -> MirroredCoupon:
    """The code's row, made by whoever speaks of it first, and locked."""
    row = {"mirror_id": mirror.id, "code": code, "consumed_source": ""}
    session.execute(pg_insert(_MIRRORED).values(row).on_conflict_do_nothing(index_elements=["mirror_id", "code"]))
    query = select(MirroredCoupon).where(MirroredCoupon.mirror_id == mirror.id, MirroredCoupon.code == code)
    return session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True)).one()


def _from_friend(session: Session, mirror: CouponMirror, old_code: str, *, taker_id: int, key: str, now: datetime) -> Coupon | None:
    """The friend's coupon goes to whom he gave his card; None when we never heard of his."""
    query = select(MirroredCoupon.coupon_id).where(MirroredCoupon.mirror_id == mirror.id, MirroredCoupon.code == old_code)
    found = session.scalar(query)
    if found is None:
        return None
    coupon, template = lock_coupon(session, found)
    if is_blocked(session, taker_id, now=now) or is_blocked(session, coupon.customer_id, now=now, device=coupon.device):
        raise ConflictError("黑名单顾客不能转赠或领取 / who is kept out gives and takes nothing", code="gift_over")
    moved = session.execute(_LEAVE, {"id": coupon.id, "now": now})
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        raise ConflictError("朋友的券已用 / the friend's coupon is used already", code="gift_over")
    mine = pass_on(coupon, template, taker_id=taker_id, key=key, path=Path.WECHAT, now=now)
    session.add(mine)
    session.flush()
    return mine


def _book_use(session: Session, mirror: CouponMirror, row: MirroredCoupon, *, registry: Registry, now: datetime) -> None:
    """The coupon is used here too. One that was used here as well is for a person to look at."""
    assert row.coupon_id is not None
    coupon, template = lock_coupon(session, row.coupon_id)
    store = session.get_one(Store, mirror.store_id)
    moved = session.execute(_USE, {"id": coupon.id, "now": now})
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # a text UPDATE answers with a cursor result.
        if coupon.state == CouponState.USED:
            detail: dict[str, Any] = {"source": row.consumed_source, "coupon": str(coupon.public_id)}
            session.add(
                Suspicion(kind="used_twice", customer_id=coupon.customer_id, store_id=store.id, coupon_id=coupon.id, detail=detail, at=now)
            )
        return
    use = CouponUse(
        kind=UseKind.USE,
        coupon_id=coupon.id,
        purpose=f"wechat:{mirror.id}:{row.code}",
        times=1,
        discount_fen=0,
        store_id=store.id,
        client_id=f"wechat:{mirror.public_id}",
        actor=ACTOR,
        at=now,
    )
    session.add(use)
    session.flush()
    data = {
        "template": str(template.public_id),
        "card_id": str(template.public_id),
        "coupon": str(coupon.public_id),
        "use": str(use.public_id),
        "store_id": store.id,
        "discount_fen": 0,
        "source": "wechat",
    }
    record(
        session,
        [Fact(f"coupon_use:{use.public_id}", REDEEMED, row.consumed_at or now, data, customer_id=coupon.customer_id)],
        registry=registry,
        now=now,
    )


def listen(house: House, fact: Fact) -> None:
    """One fact about a card or a coupon: taken or consumed at WeChat, or used here."""
    if "use" in fact.data:
        tell_used(house, str(fact.data["coupon"]))
        return
    card_id, code = str(fact.data.get("card_id", ""))[:64], str(fact.data.get("code", ""))[:32]
    if fact.account_id is None or not card_id or not code:
        return
    with reading(house.engine) as session:
        mirror = find_coupon_mirror(session, account_id=fact.account_id, card_id=card_id)
    if mirror is None:
        return
    now, registry = house.clock.now(), house.registry
    try:
        with work(house.engine) as session:
            if fact.kind == REDEEMED:
                source = str(fact.data.get("source") or "")
                consumed_there(session, mirror, code=code, source=source, at=fact.occurred_at, registry=registry, now=now)
            elif fact.customer_id is not None:
                old = str(fact.data.get("old_code") or "")[:32]
                took_card(session, mirror, code=code, old_code=old, customer_id=fact.customer_id, registry=registry, now=now)
    except FankaError as error:
        if error.status >= 500:
            raise
        log.warning("card_not_taken", mirror=mirror.id, why=error.code)
