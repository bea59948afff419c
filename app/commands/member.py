"""`fanka member`: open a card, find a member, bind an old one to somebody on WeChat."""

import sys
from typing import Any
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice, iso
from app.commands.tags import customer_id
from app.core.audit import note
from app.core.errors import BadRequestError, NotFoundError
from app.core.house import House
from app.core.unit import reading, work
from cards.birthdays import know_birthday
from cards.crm.questions import wonder
from cards.enrolment import enrol
from cards.membership import OpenedCard, customer_of, find_member, open_card
from cards.models.ledger import Wallet
from cards.models.membership import CardPath, MemberCard
from cards.programmes import programme_called
from cards.tiers import current_tier, progress

ACTOR = "cli"
_PROGRAMME = click.option("--programme", "name", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")


@click.group()
def member() -> None:
    """会员 · Members and their cards."""


@command(member, "open")
@click.option("--phone", default=None, help="手机号 · the phone number, - reads it from standard input.")
@click.option("--customer", type=click.UUID, default=None, help="已有的顾客 · a customer that is known.")
@_PROGRAMME
def open_(voice: Voice, *, phone: str | None, customer: UUID | None, name: str | None) -> None:
    """开卡 · Open a card by phone, for a known customer, or both."""
    if phone is None and customer is None:
        raise BadRequestError("请给出 --phone 或 --customer / give --phone or --customer", code="bad_member")
    with opened() as house, work(house.engine) as session:
        made = _open(house, session, phone=_read(phone), customer=customer, programme=name)
        _told(voice, made, public_id=customer_of(session, made.card).public_id)


@command(member, "find")
@click.argument("number", required=False)
@click.option("--phone", default=None, help="手机号 · by phone, - reads it from standard input.")
@_PROGRAMME
def find(voice: Voice, *, number: str | None, phone: str | None, name: str | None) -> None:
    """查会员 · Find a member by card number, the card's public id, or phone."""
    with opened() as house, reading(house.engine) as session:
        found = programme_called(session, name)
        card = find_member(session, programme_id=found.id, ring=house.ring, **_how(number, _read(phone)))
        if card is None:
            raise NotFoundError("没有这位会员 / there is no such member", code="no_member")
        _describe(voice, house, session, card)


@command(member, "bind")
@click.argument("customer", type=click.UUID)
@click.option("--phone", required=True, help="老会员的手机号 · the old member's phone, - reads it from standard input.")
@_PROGRAMME
def bind(voice: Voice, *, customer: UUID, phone: str, name: str | None) -> None:
    """绑定老会员 · Bind the old member of a phone number to a customer on WeChat."""
    with opened() as house, work(house.engine) as session:
        made = _open(house, session, phone=_read(phone), customer=customer, programme=name)
        _told(voice, made, public_id=customer_of(session, made.card).public_id)


@command(member, "birthday")
@click.argument("number")
@click.argument("day")
@_PROGRAMME
def birthday(voice: Voice, *, number: str, day: str, name: str | None) -> None:
    """登记生日 · Keep a member's birthday (MM-DD), by card number."""
    with opened() as house, work(house.engine) as session:
        card = find_member(session, programme_id=programme_called(session, name).id, number=number, ring=house.ring)
        if card is None:
            raise NotFoundError("没有这位会员 / there is no such member", code="no_member")
        know_birthday(session, house.ring, card, written=day, by_hand=True)
        now = house.clock.now()
        note(session, at=now, actor=ACTOR, action="member.birthday_set", object_type="member_card", object_id=card.public_id, detail={})
        voice.line(f"已登记 {card.number} 的生日", f"kept the birthday of {card.number}")
        voice.answer({"number": card.number})


def _open(house: House, session: Session, *, phone: str | None, customer: UUID | None, programme: str | None) -> OpenedCard:
    found, now = programme_called(session, programme), house.clock.now()
    who = None if customer is None else customer_id(session, customer)
    if phone is not None:
        opened = enrol(
            session,
            house.ring,
            phone=phone,
            programme_id=found.id,
            path=CardPath.CLERK,
            registry=house.registry,
            actor=ACTOR,
            now=now,
            customer_id=who,
        )
        wonder(house, session, opened.card, proved=True)
        return opened
    assert who is not None, "one of both was given"
    return open_card(session, customer_id=who, programme_id=found.id, path=CardPath.CLERK, registry=house.registry, actor=ACTOR, now=now)


def _read(phone: str | None) -> str | None:
    return sys.stdin.read(64).strip() if phone == "-" else phone


def _how(number: str | None, phone: str | None) -> dict[str, Any]:
    if phone is not None:
        return {"phone": phone}
    try:
        return {"public_id": UUID(number or "")}
    except ValueError:
        return {"number": number or ""}


def _told(voice: Voice, made: OpenedCard, *, public_id: UUID) -> None:
    card = made.card
    said = ("已开卡", "opened") if made.fresh else ("已有卡", "has the card")
    voice.line(f"{said[0]} {card.number}, 顾客 {public_id}", f"{said[1]} {card.number}, customer {public_id}")
    voice.answer(
        {
            "card": str(card.public_id),
            "number": card.number,
            "customer": str(public_id),
            "fresh": made.fresh,
            "gift_points": made.gift_points if made.fresh else 0,
        }
    )


def _describe(voice: Voice, house: House, session: Session, card: MemberCard) -> None:
    at = house.clock.now()
    query = select(Wallet.kind, Wallet.active, Wallet.pending).where(
        Wallet.customer_id == card.customer_id, Wallet.programme_id == card.programme_id
    )
    held = {row.kind: (row.active, row.pending) for row in session.execute(query)}
    tier = current_tier(session, customer_id=card.customer_id, programme_id=card.programme_id, at=at)
    way = progress(session, customer_id=card.customer_id, programme_id=card.programme_id, at=at)
    points, pending = held.get("points", (0, 0))
    voice.line(f"卡号 {card.number}, 等级 {tier.name if tier else '-'}", f"card {card.number}, tier {tier.name if tier else '-'}")
    voice.line(f"积分 {points:,}, 待生效 {pending:,}", f"{points:,} points, {pending:,} pending")
    if way is not None:
        voice.line(way.zh, way.en)
    voice.answer(
        {
            "card": str(card.public_id),
            "number": card.number,
            "customer": str(customer_of(session, card).public_id),
            "opened_at": iso(card.opened_at),
            "opened_by": card.opened_by,
            "tier": tier.name if tier else None,
            "tier_until": iso(card.tier_until),
            "points": points,
            "pending": pending,
            "value_fen": held.get("value", (0, 0))[0],
            "missing": way.missing if way else None,
        }
    )
