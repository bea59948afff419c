"""`fanka value`: stored value at a terminal; the same acts and the same books as the API's."""

from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.frame import command
from app.commands.house import opened
from app.commands.money import ACTOR
from app.commands.speech import Voice, iso
from app.core.audit import note
from app.core.errors import BadRequestError, NotFoundError
from app.core.house import House
from app.core.unit import reading, work
from cards.buyers import find_store
from cards.coupons.checkout import spendable
from cards.ledger.post import Cause
from cards.ledger.statement import read_statement
from cards.membership import card_of, find_member
from cards.models.ledger import PointsTxn, Wallet, WalletKind
from cards.models.membership import MemberCard
from cards.models.programme import Programme
from cards.programmes import programme_called
from cards.stored_value import ROUTES, find_payment, pay_confirmed, read_ladder, refund_of_payment, refund_top_up, set_ladder, top_up
from cards.value_consent import Proof, limit_of, set_limit

_PROGRAMME = click.option("--programme", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")
_STORE = click.option("--store", required=True, help="门店编码或 id · the store's code or id.")
_REF = click.option("--ref", required=True, help="本次单号, 重复执行只生效一次 · your number for it; once each.")
_REASON = click.option("--reason", required=True, help="原因, 写入审计 · why; it goes into the audit.")
_FEN = click.IntRange(1, 10**9)


@click.group()
def value() -> None:
    """储值: 充值, 付款, 退款 · Stored value: top-ups, payments, refunds."""


@command(value, "ladder")
@click.argument("rungs", nargs=-1)
@click.option("--clear", is_flag=True, help="取消赠送 · no bonus any more.")
@_PROGRAMME
def ladder(voice: Voice, *, rungs: tuple[str, ...], clear: bool, programme: str | None) -> None:
    """充值赠送阶梯, 写作 50000:2000 (分); 不带参数则显示 · What top-ups add, as paid:bonus in fen; without any it is shown."""
    with opened() as house, work(house.engine) as session:
        found = programme_called(session, programme)
        if rungs or clear:
            now, wished = house.clock.now(), [_rung(each) for each in rungs]
            held = set_ladder(session, programme_id=found.id, rungs=wished, now=now)
            said: dict[str, Any] = {"rungs": [rung.model_dump() for rung in held]}
            note(session, at=now, actor=ACTOR, action="value.ladder", object_type="programme", object_id=found.public_id, detail=said)
        told = [rung.model_dump() for rung in read_ladder(session, found.id)]
        limit = limit_of(session, found.id)
    voice.table(
        [("充满(分)", "from fen"), ("赠送(分)", "bonus fen")],
        [(f"{each['from_fen']:,}", f"{each['bonus_fen']:,}") for each in told],
        empty=("充值没有赠送", "top-ups add nothing"),
    )
    voice.answer({"rungs": told, "confirm_over_fen": limit})


@command(value, "confirm-over")
@click.argument("fen", type=click.IntRange(0, 10**9))
@_PROGRAMME
def confirm_over(voice: Voice, *, fen: int, programme: str | None) -> None:
    """超过这个金额 (分) 的储值付款要顾客本人确认 · Payments over this amount need the customer's own code or word."""
    with opened() as house, work(house.engine) as session:
        set_limit(session, programme_called(session, programme), confirm_over_fen=fen, actor=ACTOR, now=house.clock.now())
    voice.line(f"超过 {fen:,} 分须顾客确认", f"over {fen:,} fen the customer confirms")
    voice.answer({"confirm_over_fen": fen})


@command(value, "topup")
@click.argument("member")
@click.argument("fen", type=_FEN)
@click.option("--route", type=click.Choice(ROUTES), required=True, help="支付方式 · how it was paid.")
@click.option("--route-ref", required=True, help="支付单号, 退款时用 · the payment's number, for a refund.")
@click.option(
    "--despite-block", default="", help="黑名单顾客仍予充值的原因, 写入审计 · why somebody on the blacklist is topped up all the same."
)
@_STORE
@_REF
@_PROGRAMME
def topup(
    voice: Voice, *, member: str, fen: int, route: str, route_ref: str, despite_block: str, store: str, ref: str, programme: str | None
) -> None:
    """为会员充值, 赠送按阶梯 · Top a member up; the bonus is the ladder's."""
    with opened() as house, work(house.engine) as session:
        found, place = programme_called(session, programme), find_store(session, store, unit_id=None)
        card = _card(house, session, member, found)
        done = top_up(
            session,
            customer_id=card.customer_id,
            programme_id=found.id,
            paid_fen=fen,
            route=route,
            route_ref=route_ref,
            unit_id=place.business_unit_id,
            store_id=place.id,
            ref=_own(ref),
            actor=ACTOR,
            now=house.clock.now(),
            despite_block=despite_block,
        )
        said = {"id": str(done.txn.public_id), "paid_fen": done.paid_fen, "bonus_fen": done.bonus_fen, "fresh": done.fresh}
        balance = _balance(house, session, card)
    voice.line(
        f"充值 {fen:,} 分, 赠送 {done.bonus_fen:,} 分, 余额 {balance:,} 分",
        f"{fen:,} fen and {done.bonus_fen:,} as a bonus; balance {balance:,}",
    )
    voice.answer({**said, "balance_fen": balance})


@command(value, "refund")
@click.argument("member")
@click.argument("top_up_ref")
@_REASON
@_REF
@_PROGRAMME
def refund(voice: Voice, *, member: str, top_up_ref: str, reason: str, ref: str, programme: str | None) -> None:
    """退一笔充值的余下部分, 按原路退回 · Refund what is left of a top-up, by the way it came."""
    with opened() as house, work(house.engine) as session:
        card = _card(house, session, member, programme_called(session, programme))
        done = refund_top_up(
            session,
            top_up_ref=_own(top_up_ref),
            ref=_own(ref),
            reason=reason,
            actor=ACTOR,
            now=house.clock.now(),
            customer_id=card.customer_id,
        )
        balance = _balance(house, session, card)
    voice.line(
        f"请经 {done.route} {done.route_ref} 退回 {done.refund_fen:,} 分, 收回赠送 {done.bonus_taken_fen:,} 分",
        f"pay {done.refund_fen:,} fen back by {done.route} {done.route_ref}; {done.bonus_taken_fen:,} of the bonus is taken back",
    )
    voice.answer(
        {
            "id": str(done.txn.public_id),
            "refund_fen": done.refund_fen,
            "bonus_taken_fen": done.bonus_taken_fen,
            "route": done.route,
            "route_ref": done.route_ref,
            "balance_fen": balance,
        }
    )


@command(value, "pay")
@click.argument("member")
@click.argument("fen", type=_FEN)
@click.option("--code", default=None, help="顾客手机上的会员码 · the customer's moving code.")
@_STORE
@_REF
@_PROGRAMME
def pay_(voice: Voice, *, member: str, fen: int, code: str | None, store: str, ref: str, programme: str | None) -> None:
    """用储值付款; 大额须顾客的会员码 · Pay from a balance; large amounts need the customer's code."""
    with opened() as house, work(house.engine) as session:
        found, now = programme_called(session, programme), house.clock.now()
        place, card = find_store(session, store, unit_id=None), _card(house, session, member, found)
        cause = Cause(f"pay:{_own(ref)}", f"储值付款 {ref}", ACTOR, now, now, place.id, {"amount_fen": fen})
        posted = pay_confirmed(
            session,
            house.ring,
            Proof(code=code),
            customer_id=card.customer_id,
            programme_id=found.id,
            amount_fen=fen,
            unit_id=place.business_unit_id,
            client_id=ACTOR,
            cause=cause,
        )
        _say(voice, house, session, card, posted.txn_id, fen=fen, fresh=posted.fresh)


@command(value, "payback")
@click.argument("member")
@click.argument("payment_ref")
@click.argument("fen", type=_FEN)
@_REASON
@_REF
@_PROGRAMME
def payback(voice: Voice, *, member: str, payment_ref: str, fen: int, reason: str, ref: str, programme: str | None) -> None:
    """把一笔储值付款退回余额 · Give a payment back to the balance it came from."""
    with opened() as house, work(house.engine) as session:
        card, now = _card(house, session, member, programme_called(session, programme)), house.clock.now()
        paid = find_payment(session, f"pay:{_own(payment_ref)}", customer_id=card.customer_id)
        said = {"amount_fen": fen, "payment": paid.business_key}
        cause = Cause(f"payback:{_own(ref)}", reason, ACTOR, now, now, paid.store_id, said)
        posted = refund_of_payment(session, paid, amount_fen=fen, cause=cause)
        _say(voice, house, session, card, posted.txn_id, fen=fen, fresh=posted.fresh)


@command(value, "show")
@click.argument("member")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200), help="最多几笔 · how many movements.")
@_PROGRAMME
def show(voice: Voice, *, member: str, limit: int, programme: str | None) -> None:
    """余额与明细 · A member's balance and its latest movements."""
    with opened() as house, reading(house.engine) as session:
        card = _card(house, session, member, programme_called(session, programme))
        own = (Wallet.customer_id == card.customer_id, Wallet.programme_id == card.programme_id, Wallet.kind == WalletKind.VALUE)
        wallet = session.scalar(select(Wallet.id).where(*own))
        lines = [] if wallet is None else read_statement(session, wallet_id=wallet, limit=limit)
        balance = _balance(house, session, card)
    voice.line(f"余额 {balance:,} 分", f"balance {balance:,} fen")
    voice.table(
        [("时间", "at"), ("类型", "kind"), ("说明", "reason"), ("金额(分)", "fen"), ("余额(分)", "balance")],
        [(line.occurred_at, line.kind, line.reason, f"{line.active:,}", f"{line.balance:,}") for line in lines],
        empty=("还没有记录", "nothing yet"),
    )
    told = [
        {
            "id": str(line.public_id),
            "kind": line.kind,
            "reason": line.reason,
            "occurred_at": iso(line.occurred_at),
            "active": line.active,
            "held": line.held,
            "balance": line.balance,
        }
        for line in lines
    ]
    voice.answer({"balance_fen": balance, "lines": told})


def _rung(written: str) -> dict[str, int]:
    paid, colon, bonus = written.partition(":")
    if not colon or not paid.isdigit() or not bonus.isdigit() or not written.isascii():
        raise BadRequestError("阶梯写作 50000:2000 / a rung is written 50000:2000, in fen", code="bad_ladder")
    return {"from_fen": int(paid), "bonus_fen": int(bonus)}


def _card(house: House, session: Session, named: str, programme: Programme) -> MemberCard:
    """A member by his card's number or his phone. Raises NotFoundError."""
    how: dict[str, Any] = {"number": named} if len(named) > 13 else {"phone": named, "ring": house.ring}
    found = find_member(session, programme_id=programme.id, **how)
    card = found and card_of(session, customer_id=found.customer_id, programme_id=programme.id)
    if card is None:
        raise NotFoundError("没有这位会员 / there is no such member", code="unknown_member")
    return card


def _balance(house: House, session: Session, card: MemberCard) -> int:
    now = house.clock.now()
    return spendable(session, customer_id=card.customer_id, programme_id=card.programme_id, now=now).get(WalletKind.VALUE, 0)


def _say(voice: Voice, house: House, session: Session, card: MemberCard, txn_id: int, *, fen: int, fresh: bool) -> None:
    balance = _balance(house, session, card)
    voice.line(f"{fen:,} 分, 余额 {balance:,} 分", f"{fen:,} fen; balance {balance:,}")
    voice.answer({"id": str(session.get_one(PointsTxn, txn_id).public_id), "amount_fen": fen, "fresh": fresh, "balance_fen": balance})


def _own(ref: str) -> str:
    return f"cli:{ref}"
