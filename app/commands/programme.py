"""`fanka programme`: what the group promises its members, the gift for opening a card, and the card at WeChat."""

import click
from sqlalchemy import select

from app.commands.frame import command
from app.commands.house import account_called, opened
from app.commands.speech import Voice
from app.core.audit import note
from app.core.unit import reading, work
from app.wechat.card_product import CardFace
from cards.membership import count_members
from cards.mirror import set_up_mirror
from cards.models.membership import OpeningGift
from cards.models.programme import Expiry, Programme, ReturnPolicy
from cards.points_at_till import Terms, write_terms
from cards.programmes import add_programme, programme_called, set_expiry, set_gift, set_receipt_days, unit_called

ACTOR = "cli"


@click.group()
def programme() -> None:
    """会员计划 · Programmes of the group."""


@command(programme, "add")
@click.argument("name")
@click.option(
    "--returns",
    type=click.Choice([each.value for each in ReturnPolicy]),
    default=ReturnPolicy.DEBT.value,
    show_default=True,
    help="退货时积分已用掉怎么办 · what a return does when its points are spent.",
)
@click.option(
    "--expiry",
    type=click.Choice([each.value for each in Expiry]),
    default=Expiry.ROLLING.value,
    show_default=True,
    help="积分如何到期 · how points expire.",
)
@click.option("--months", type=click.IntRange(0, 120), default=12, show_default=True, help="有效月数 · how many months they last.")
@click.option("--day", default=None, help="fixed_day 的日期 MM-DD · the day of fixed_day.")
@click.option("--pending-days", type=click.IntRange(0, 365), default=7, show_default=True, help="退货期天数 · days of the return window.")
def add(voice: Voice, *, name: str, returns: str, expiry: str, months: int, day: str | None, pending_days: int) -> None:
    """添加会员计划 · Add a programme."""
    with opened() as house, work(house.engine) as session:
        made = add_programme(
            session,
            name=name,
            return_policy=ReturnPolicy(returns),
            expiry=Expiry(expiry),
            expiry_months=months,
            expiry_day=day,
            pending_days=pending_days,
            actor=ACTOR,
            now=house.clock.now(),
        )
        voice.line(f"已添加会员计划 {made.name}", f"added the programme {made.name}")
        voice.answer({"id": str(made.public_id), "name": made.name})


@command(programme, "expiry")
@click.argument("expiry", type=click.Choice([each.value for each in Expiry]))
@click.option("--months", type=click.IntRange(0, 120), default=12, show_default=True, help="有效月数 · how many months they last.")
@click.option("--day", default=None, help="fixed_day 的日期 MM-DD · the day of fixed_day.")
@click.option("--programme", "name", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")
def expiry_(voice: Voice, *, expiry: str, months: int, day: str | None, name: str | None) -> None:
    """改积分有效期 · Say when points earned from now on expire; earlier ones keep their day."""
    with opened() as house, work(house.engine) as session:
        found = programme_called(session, name)
        set_expiry(session, found, expiry=Expiry(expiry), months=months, day=day, actor=ACTOR, now=house.clock.now())
        voice.line(f"{found.name}: {expiry} {months} {day or ''}", f"{found.name}: {expiry} {months} {day or ''}")
        voice.answer({"programme": found.name, "expiry": expiry, "months": months, "day": day})


@command(programme, "points-pay")
@click.argument("name")
@click.option("--fen-per-100", type=click.IntRange(1, 10_000), required=True, help="每 100 积分抵多少分钱 · how many fen 100 points pay.")
@click.option("--cap-percent", type=click.IntRange(1, 100), required=True, help="每单最多抵百分之几 · the most of an order they pay.")
@click.option(
    "--least", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="最少用多少积分 · the fewest points a payment uses."
)
def points_pay(voice: Voice, *, name: str, fen_per_100: int, cap_percent: int, least: int) -> None:
    """积分抵现的规则 · What points are worth at the till; the next order pays by it."""
    terms = Terms(fen_per_100_points=fen_per_100, cap_percent=cap_percent, least_points=least)
    with opened() as house, work(house.engine) as session:
        row = programme_called(session, name)
        now, said = house.clock.now(), terms.model_dump(mode="json")
        write_terms(session, row.id, terms, now=now)
        note(session, at=now, actor=ACTOR, action="programme.points_pay", object_type="programme", object_id=row.public_id, detail=said)
        voice.line(
            f"{row.name}: 100 积分抵 {fen_per_100} 分, 每单最多 {cap_percent}%, 至少 {least} 积分",
            f"{row.name}: 100 points pay {fen_per_100} fen, {cap_percent} % of an order at most, from {least} points on",
        )
        voice.answer({"id": str(row.public_id), **said})


@command(programme, "receipts")
@click.argument("days", type=click.IntRange(0, 365))
@click.option("--programme", "name", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")
def receipts(voice: Voice, *, days: int, name: str | None) -> None:
    """消费后几天内可拍小票补积分 · For how many days after a purchase its receipt may be sent in as a photo; 0 takes none."""
    with opened() as house, work(house.engine) as session:
        found = programme_called(session, name)
        set_receipt_days(session, found, days=days, actor=ACTOR, now=house.clock.now())
        voice.line(f"{found.name}: {days} 天内的小票" if days else f"{found.name}: 不收小票", f"{found.name}: receipts of {days} days")
        voice.answer({"programme": found.name, "days": days})


@command(programme, "list")
def list_(voice: Voice) -> None:
    """列出会员计划 · List the programmes with their members."""
    with opened() as house, reading(house.replica) as session:
        rows = session.scalars(select(Programme).order_by(Programme.id)).all()
        told = [
            {
                "id": str(row.public_id),
                "name": row.name,
                "members": count_members(session, row.id),
                "expiry": row.expiry,
                "expiry_months": row.expiry_months,
                "expiry_day": row.expiry_day,
                "pending_days": row.pending_days,
                "receipt_days": row.receipt_days,
                "returns": row.return_policy,
                "gift": given.points if (given := session.get(OpeningGift, row.id)) else 0,
            }
            for row in rows
        ]
    voice.table(
        [("名称", "name"), ("会员", "members"), ("到期", "expiry"), ("月", "months"), ("待生效天", "pending days"), ("开卡礼", "gift")],
        [(each["name"], each["members"], each["expiry"], each["expiry_months"], each["pending_days"], each["gift"]) for each in told],
        empty=("还没有会员计划", "there is no programme yet"),
    )
    voice.answer({"programmes": told})


@command(programme, "gift")
@click.argument("points", type=click.IntRange(0))
@click.option("--unit", default=None, help="承担的事业部 · the business unit that gives it.")
@click.option("--programme", "name", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")
def gift(voice: Voice, *, points: int, unit: str | None, name: str | None) -> None:
    """设定开卡礼 · Set the opening gift in points; 0 takes it away."""
    with opened() as house, work(house.engine) as session:
        found = programme_called(session, name)
        giver = None if unit is None else unit_called(session, unit)
        set_gift(session, found, points=points, unit=giver, actor=ACTOR, now=house.clock.now())
        voice.line(f"{found.name} 开卡礼: {points:,} 积分", f"{found.name}: {points:,} points for opening a card")
        voice.answer({"programme": found.name, "gift": points})


@command(programme, "mirror")
@click.argument("appid")
@click.option("--adapter", default="legacy", show_default=True, help="卡的种类 · the card product: none, legacy.")
@click.option("--title", required=True, help="卡名, 9 个字以内 · its title, up to 9 characters.")
@click.option("--brand", required=True, help="商家名, 12 个字以内 · the brand, up to 12 characters.")
@click.option("--logo", required=True, help="微信上的图标地址 · the logo's address at WeChat.")
@click.option("--notice", default="结账时出示", show_default=True, help="提示, 16 个字以内 · the notice, up to 16 characters.")
@click.option("--description", default="会员权益以本店规则为准", show_default=True, help="说明 · the description.")
@click.option("--privileges", default="消费得积分", show_default=True, help="特权说明 · what members get.")
@click.option("--value", is_flag=True, help="也显示储值 (需权限) · show stored value too (needs a right).")
@click.option("--programme", "name", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")
def mirror(
    voice: Voice,
    *,
    appid: str,
    adapter: str,
    title: str,
    brand: str,
    logo: str,
    notice: str,
    description: str,
    privileges: str,
    value: bool,
    name: str | None,
) -> None:
    """建立微信会员卡 · Make the programme's card at WeChat, which mirrors ours."""
    with opened() as house:
        account = account_called(house, appid)
        with reading(house.engine) as session:
            found = programme_called(session, name)
        face = CardFace(title, brand, logo, notice, description, privileges, shows_value=value)
        made = set_up_mirror(house, programme_id=found.id, account_id=account.id, adapter=adapter, face=face, actor=ACTOR)
        voice.line(
            f"{found.name} 在 {account.name} 的会员卡: {made.card_id or '-'}", f"{found.name} at {account.name}: {made.card_id or '-'}"
        )
        voice.answer({"id": str(made.public_id), "programme": found.name, "account": appid, "adapter": adapter, "card_id": made.card_id})
