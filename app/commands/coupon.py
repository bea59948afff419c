"""`fanka coupon`: templates and the limits they share, giving and bulk issues, recall and voiding, and the cases that wait for a verdict."""

from typing import Any
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.frame import command
from app.commands.house import account_called, opened
from app.commands.segment import read_tree
from app.commands.speech import Voice, iso
from app.core.audit import note
from app.core.errors import BadRequestError, NotFoundError
from app.core.ids import new_public_id
from app.core.nouns import Store
from app.core.unit import reading, work
from cards.codes import shown
from cards.coupon_mirror import set_up_coupon_mirror
from cards.coupon_type import coupon_types
from cards.coupons.batches import read_progress, run_chunk, start_batch
from cards.coupons.claim import Claim, Path, claim
from cards.coupons.read import count_states, stock_left
from cards.coupons.templates import PoolWish, add_pool, add_template, find_template, read_wish, set_state
from cards.coupons.void import recall_batch, void_coupon
from cards.fraud import VERDICTS, judge, open_suspicions
from cards.membership import find_member
from cards.models.coupons import CouponBatch, CouponTemplate, TemplateState
from cards.programmes import programme_called, unit_called
from tagging.saved_segments import find_segment

ACTOR = "cli"
_PROGRAMME = click.option("--programme", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")
_REASON = click.option("--reason", required=True, help="原因, 写入审计 · why; it goes into the audit.")
_LIMIT = click.IntRange(1)


@click.group()
def coupon() -> None:
    """优惠券 · Coupons."""


@command(coupon, "add")
@click.argument("name")
@click.option("--unit", required=True, help="由哪个事业部发放并承担 · the business unit that issues and pays for it.")
@click.option("--type", "type_name", type=click.Choice(sorted(coupon_types())), required=True, help="券的类型 · its type.")
@click.option("--terms", required=True, help="类型的条款, JSON · the terms of its type, as JSON.")
@click.option("--days", type=click.IntRange(1, 3660), default=None, help="领取后几天有效 · days it is good after the claim.")
@click.option("--stock", type=_LIMIT, default=None, help="总数, 不写为不限 · how many there are; no limit without.")
@click.option("--per-person", type=_LIMIT, default=1, show_default=True, help="每人几张 · how many each may have.")
@click.option("--minimum-fen", type=click.IntRange(0), default=0, show_default=True, help="最低消费, 分 · minimum spend in fen.")
@click.option("--claimable", is_flag=True, help="顾客可自行领取 · customers may take it themselves.")
@click.option("--giveable", is_flag=True, help="可转赠 · it may be given to a friend.")
@click.option("--more", default="{}", help="其余字段, JSON 或 @文件 · all other fields, as JSON or @file.")
@click.option("--open", "at_once", is_flag=True, help="立即启用 · open it at once.")
@_PROGRAMME
def add(
    voice: Voice,
    *,
    name: str,
    unit: str,
    type_name: str,
    terms: str,
    days: int | None,
    stock: int | None,
    per_person: int,
    minimum_fen: int,
    claimable: bool,
    giveable: bool,
    more: str,
    at_once: bool,
    programme: str | None,
) -> None:
    """添加券模板 · Add a template; what was opened keeps its terms for good."""
    with opened() as house, work(house.engine) as session:
        given = {
            "name": name,
            "type": type_name,
            "terms": _object(terms),
            "unit": unit_called(session, unit).public_id,
            "days_valid": days,
            "stock": stock,
            "per_person": per_person,
            "minimum_fen": minimum_fen,
            "claimable": claimable,
            "giveable": giveable,
        }
        now, found = house.clock.now(), programme_called(session, programme)
        made = add_template(session, read_wish({**given, **_object(more)}), programme_id=found.id, now=now, actor=ACTOR)
        if at_once:
            made = set_state(session, made.public_id, TemplateState.OPEN, now=now, actor=ACTOR)
        voice.line(f"已添加 {made.name} ({made.state}): {made.public_id}", f"added {made.name} ({made.state}): {made.public_id}")
        if claimable:
            page = f"{house.settings.public_url}/c/{made.public_id}"
            voice.line(f"领取页 {page}", f"customers take it at {page}")
        voice.answer({"id": str(made.public_id), "name": made.name, "state": made.state})


@command(coupon, "pool")
@click.argument("name")
@click.option("--stock", type=_LIMIT, default=None)
@click.option("--per-person", type=_LIMIT, default=None)
@click.option("--per-person-day", type=_LIMIT, default=None)
@click.option("--per-day", type=_LIMIT, default=None)
@_PROGRAMME
def pool(
    voice: Voice,
    *,
    name: str,
    stock: int | None,
    per_person: int | None,
    per_person_day: int | None,
    per_day: int | None,
    programme: str | None,
) -> None:
    """几种券共用的限额 · Limits that several templates share; name it in `--more '{"pool": "..."}'`."""
    with opened() as house, work(house.engine) as session:
        wish = PoolWish(name=name, stock=stock, per_person=per_person, per_person_day=per_person_day, per_day=per_day)
        made = add_pool(session, wish, programme_id=programme_called(session, programme).id, now=house.clock.now(), actor=ACTOR)
        voice.line(f"已添加共用限额 {made.name}: {made.public_id}", f"added the pool {made.name}: {made.public_id}")
        voice.answer({"id": str(made.public_id), "name": made.name})


@command(coupon, "open")
@click.argument("template", type=click.UUID)
def open_(voice: Voice, *, template: UUID) -> None:
    """启用 · Open a template: from now on it is given, and its terms are fixed."""
    _turn(voice, template, TemplateState.OPEN)


@command(coupon, "close")
@click.argument("template", type=click.UUID)
def close(voice: Voice, *, template: UUID) -> None:
    """停发 · Close a template; coupons that are out stay good."""
    _turn(voice, template, TemplateState.CLOSED)


@command(coupon, "list")
@_PROGRAMME
def list_(voice: Voice, *, programme: str | None) -> None:
    """列出券模板 · List the templates with what became of their coupons."""
    with opened() as house, reading(house.replica) as session:
        query = select(CouponTemplate).where(CouponTemplate.programme_id == programme_called(session, programme).id)
        rows = [
            (each, stock_left(session, each), dict(count_states(session, each)))
            for each in session.scalars(query.order_by(CouponTemplate.id.desc()).limit(200))
        ]
    voice.table(
        [("编号", "id"), ("名称", "name"), ("类型", "type"), ("状态", "state"), ("剩余", "left"), ("已发", "issued"), ("已用", "used")],
        [
            (each.public_id, each.name, each.type, each.state, "-" if left is None else left, sum(states.values()), states.get("used", 0))
            for each, left, states in rows
        ],
        empty=("还没有券", "there is no coupon yet"),
    )
    listed = [
        {"id": str(each.public_id), "name": each.name, "type": each.type, "state": each.state, "left": left, "coupons": states}
        for each, left, states in rows
    ]
    voice.answer({"templates": listed})


@command(coupon, "give")
@click.argument("template", type=click.UUID)
@click.option("--number", default=None, help="会员卡号 · the card's number.")
@click.option("--phone", default=None, help="手机号 · the phone number.")
def give(voice: Voice, *, template: UUID, number: str | None, phone: str | None) -> None:
    """发给一位会员 · Give one coupon to a member and show its code."""
    if (number is None) == (phone is None):
        raise BadRequestError("请写 --number 或 --phone / give --number or --phone", code="no_member")
    with opened() as house, work(house.engine) as session:
        found = find_template(session, template)
        card = find_member(session, programme_id=found.programme_id, number=number, phone=phone, ring=house.ring)
        if card is None:
            raise NotFoundError("没有这位会员 / there is no such member", code="unknown_member")
        wish = Claim(card.customer_id, Path.CLERK, f"cli:{new_public_id()}", ACTOR)
        now = house.clock.now()
        made = claim(session, found, wish, registry=house.registry, now=now).coupon
        detail = {"template": str(found.public_id)}
        note(session, at=now, actor=ACTOR, action="coupon.given", object_type="coupon", object_id=made.public_id, detail=detail)
        voice.line(f"已发 {found.name}: {shown(made.code)}", f"gave {found.name}: {shown(made.code)}")
        voice.answer({"id": str(made.public_id), "code": shown(made.code), "expires_at": iso(made.expires_at)})


@command(coupon, "issue")
@click.argument("template", type=click.UUID)
@click.argument("segment")
@_REASON
def issue(voice: Voice, *, template: UUID, segment: str, reason: str) -> None:
    """按分群发放 · Issue to a segment: by its name, a tree as JSON, or @file. What is interrupted goes on by itself."""
    with opened() as house:
        with work(house.engine) as session:
            tree = _tree(session, segment)
            batch = start_batch(session, template, tree, reason=reason, actor=ACTOR, now=house.clock.now())
        while run_chunk(house, batch.id):
            with reading(house.engine) as session:
                so_far = read_progress(session, batch.public_id)
            voice.line(f"{so_far.issued:,} / {so_far.total:,}", f"{so_far.issued:,} of {so_far.total:,}")
        with reading(house.engine) as session:
            done = read_progress(session, batch.public_id)
    voice.line(
        f"已发 {done.issued:,} 张, 跳过 {done.skipped:,} 人 ({done.state}): {batch.public_id}",
        f"issued {done.issued:,}, skipped {done.skipped:,} ({done.state}): {batch.public_id}",
    )
    voice.answer({"batch": str(batch.public_id), "state": done.state, "total": done.total, "issued": done.issued, "skipped": done.skipped})


@command(coupon, "recall")
@click.argument("batch", type=click.UUID)
@_REASON
def recall(voice: Voice, *, batch: UUID, reason: str) -> None:
    """收回一批 · Void what a bulk issue gave and nobody used; stock and limits get it back."""
    with opened() as house, work(house.engine) as session:
        voided = recall_batch(session, batch, reason=reason, actor=ACTOR, now=house.clock.now())
        voice.line(f"已收回 {voided:,} 张", f"recalled {voided:,}")
        voice.answer({"voided": voided})


@command(coupon, "void")
@click.argument("which", metavar="COUPON", type=click.UUID)
@click.option("--return-stock", is_flag=True, help="退回库存与限额 · stock and the person's limit get it back.")
@_REASON
def void(voice: Voice, *, which: UUID, return_stock: bool, reason: str) -> None:
    """作废一张 · Make one coupon worthless."""
    with opened() as house, work(house.engine) as session:
        void_coupon(session, which, reason=reason, actor=ACTOR, now=house.clock.now(), return_stock=return_stock)
        voice.line("已作废", "voided")
        voice.answer({"id": str(which), "state": "voided"})


@command(coupon, "batches")
@click.argument("template", type=click.UUID)
def batches(voice: Voice, *, template: UUID) -> None:
    """发放进度 · List the bulk issues of a template with how far they have come; what was interrupted goes on by itself."""
    with opened() as house, reading(house.replica) as session:
        found = find_template(session, template)
        rows = session.scalars(
            select(CouponBatch).where(CouponBatch.template_id == found.id).order_by(CouponBatch.id.desc()).limit(100)
        ).all()
    voice.table(
        [("编号", "id"), ("状态", "state"), ("已发", "issued"), ("跳过", "skipped"), ("共", "of"), ("原因", "why")],
        [(each.public_id, each.state, each.issued, each.skipped, each.total, each.reason) for each in rows],
        empty=("还没有发放过", "nothing was issued in bulk yet"),
    )
    told = [
        {"batch": str(each.public_id), "state": each.state, "total": each.total, "issued": each.issued, "skipped": each.skipped}
        for each in rows
    ]
    voice.answer({"batches": told})


@command(coupon, "mirror")
@click.argument("template", type=click.UUID)
@click.option("--account", required=True, help="服务号的 appid · the account's appid.")
@click.option("--card-id", required=True, help="微信卡券的 card_id · WeChat's id of the card.")
@click.option("--store", required=True, help="微信侧核销记在哪家门店 · the store's code: what is consumed at WeChat is booked there.")
def mirror(voice: Voice, *, template: UUID, account: str, card_id: str, store: str) -> None:
    """对应微信卡券 · A kind of card in WeChat's wallet is this template: used on one side, consumed on the other."""
    with opened() as house, work(house.engine) as session:
        place = session.scalar(select(Store).where(Store.code == store).order_by(Store.id).limit(1))
        if place is None:
            raise NotFoundError(f"没有门店 {store} / there is no store {store}", code="no_store")
        place_id, account_id = place.id, account_called(house, account).id
        common = {"adapter": "legacy", "card_id": card_id, "actor": ACTOR}
        now = house.clock.now()
        made = set_up_coupon_mirror(session, find_template(session, template), account_id=account_id, store_id=place_id, now=now, **common)
        voice.line(f"已对应 {card_id}", f"{card_id} stands for it")
        voice.answer({"id": str(made.public_id), "card_id": made.card_id})


@command(coupon, "review")
def review(voice: Voice) -> None:
    """待审核 · What the defences caught and nobody has judged."""
    with opened() as house, reading(house.replica) as session:
        cases = open_suspicions(session)
    voice.table(
        [("编号", "id"), ("时间", "at"), ("缘由", "kind")],
        [(case.public_id, case.at, case.kind) for case in cases],
        empty=("没有待审核的", "nothing waits"),
    )
    voice.answer({"cases": [{"id": str(case.public_id), "at": iso(case.at), "kind": case.kind, "detail": case.detail} for case in cases]})


@command(coupon, "judge")
@click.argument("case", type=click.UUID)
@click.argument("verdict", type=click.Choice(VERDICTS))
@_REASON
def judge_(voice: Voice, *, case: UUID, verdict: str, reason: str) -> None:
    """审核 · Clear or confirm a case, once."""
    with opened() as house, work(house.engine) as session:
        judge(session, case, verdict=verdict, reason=reason, actor=ACTOR, staff_id=None, now=house.clock.now())
        voice.line("已审核", "judged")
        voice.answer({"id": str(case), "state": verdict})


def _turn(voice: Voice, template: UUID, state: TemplateState) -> None:
    with opened() as house, work(house.engine) as session:
        found = set_state(session, template, state, now=house.clock.now(), actor=ACTOR)
        voice.line(f"{found.name}: {found.state}", f"{found.name}: {found.state}")
        voice.answer({"id": str(found.public_id), "state": found.state})


def _object(text: str) -> dict[str, Any]:
    """A JSON object given as text or as @file."""
    read = read_tree(text)
    if not isinstance(read, dict):
        raise BadRequestError("应为 JSON 对象 / a JSON object is needed", code="bad_template")
    return read


def _tree(session: Session, which: str) -> object:
    if which.lstrip().startswith(("{", "@")):
        return read_tree(which)
    return find_segment(session, which).tree
