"""`fanka tier`: the steps of a programme, how members qualify, exceptions by hand, and the review of the night."""

from datetime import date, timedelta

import click
from sqlalchemy import func, select

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice, iso
from app.core.errors import NotFoundError
from app.core.unit import reading, work
from cards.expiry import midnight
from cards.membership import find_member
from cards.models.membership import CardState, MemberCard
from cards.models.tiers import Tier, TierRule, TierStep, TierWindow
from cards.programmes import programme_called
from cards.tier_changes import read_ladder
from cards.tier_grants import invite
from cards.tier_night import review_tiers
from cards.tier_rule import measures
from cards.tier_setup import add_tier, override_tier, set_rule
from cards.tiers import find_tier

ACTOR = "cli"
_PROGRAMME = click.option("--programme", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")


@click.group()
def tier() -> None:
    """会员等级 · Tiers."""


@command(tier, "add")
@click.argument("name")
@click.option("--rank", type=click.IntRange(0, 99), required=True, help="名次, 0 最低 · its rank, 0 is the lowest.")
@click.option(
    "--threshold",
    type=click.IntRange(0),
    default=None,
    help="门槛: 积分, 分, 或订单数; 不填则只能购买或受邀 · points, fen, or orders; without it nobody earns it.",
)
@click.option("--sku", default=None, help="购买此等级的商品 · the article that is this tier.")
@click.option("--days", type=click.IntRange(1, 3660), default=None, help="每件的天数 · days each piece gives it for.")
@click.option("--english", default="", help="英文名 · its English name.")
@click.option("--face", default="plain", show_default=True, help="卡面样式 · the look of the card.")
@click.option("--discount", type=click.IntRange(0, 90), default=0, show_default=True, help="减免百分比, 5 即九五折 · percent off.")
@click.option("--multiplier", type=click.IntRange(0, 1000), default=100, show_default=True, help="积分倍率百分比 · points in percent.")
@click.option(
    "--birthday", type=click.IntRange(0, 1000), default=100, show_default=True, help="生日倍率百分比 · points in percent on his birthday."
)
@click.option("--benefits", default="", help="权益说明 · what it brings.")
@click.option("--benefits-english", default="", help="英文权益说明 · the same in English.")
@_PROGRAMME
def add(
    voice: Voice,
    *,
    name: str,
    rank: int,
    threshold: int | None,
    sku: str | None,
    days: int | None,
    english: str,
    face: str,
    discount: int,
    multiplier: int,
    birthday: int,
    benefits: str,
    benefits_english: str,
    programme: str | None,
) -> None:
    """添加等级 · Add a step to the ladder."""
    with opened() as house, work(house.engine) as session:
        made = Tier(
            programme_id=programme_called(session, programme).id,
            rank=rank,
            name=name,
            name_en=english,
            threshold=threshold,
            sku=sku,
            term_days=days,
            face=face,
            discount_percent=discount,
            multiplier_percent=multiplier,
            birthday_multiplier_percent=birthday,
            benefits=benefits,
            benefits_en=benefits_english,
        )
        add_tier(session, made, actor=ACTOR, now=house.clock.now())
        voice.line(f"已添加等级 {made.name}: {_way(made)[0]}", f"added the tier {made.name}: {_way(made)[1]}")
        voice.answer(
            {
                "id": str(made.public_id),
                "name": made.name,
                "rank": made.rank,
                "threshold": made.threshold,
                "sku": made.sku,
                "term_days": made.term_days,
            }
        )


@command(tier, "list")
@_PROGRAMME
def list_(voice: Voice, *, programme: str | None) -> None:
    """列出等级 · List the tiers with their members, and the rule."""
    with opened() as house, reading(house.replica) as session:
        found = programme_called(session, programme)
        rule, ladder = session.get(TierRule, found.id), read_ladder(session, found.id)
        query = select(MemberCard.tier_id, func.count()).where(MemberCard.programme_id == found.id, MemberCard.state == CardState.ACTIVE)
        held = {row[0]: row[1] for row in session.execute(query.group_by(MemberCard.tier_id))}
    voice.table(
        [("名次", "rank"), ("名称", "name"), ("门槛", "threshold"), ("减免%", "off %"), ("倍率%", "points %"), ("会员", "members")],
        [
            (
                each.rank,
                each.name,
                "-" if each.threshold is None else each.threshold,
                each.discount_percent,
                each.multiplier_percent,
                held.get(each.id, 0),
            )
            for each in ladder
        ],
        empty=("还没有等级", "there is no tier yet"),
    )
    if rule is not None:
        measure = measures()[rule.measure]
        days = f"{rule.window_days} 天" if rule.window_kind == TierWindow.ROLLING else "自然年"
        voice.line(
            f"按{measure.zh}, {days}, 宽限 {rule.grace_days} 天", f"by {measure.en}, {rule.window_kind}, {rule.grace_days} days of grace"
        )
    voice.answer(
        {
            "programme": found.name,
            "tiers": [
                {
                    "id": str(each.public_id),
                    "name": each.name,
                    "rank": each.rank,
                    "threshold": each.threshold,
                    "sku": each.sku,
                    "term_days": each.term_days,
                    "discount_percent": each.discount_percent,
                    "multiplier_percent": each.multiplier_percent,
                    "members": held.get(each.id, 0),
                }
                for each in ladder
            ],
            "rule": None
            if rule is None
            else {
                "measure": rule.measure,
                "window": rule.window_kind,
                "window_days": rule.window_days,
                "grace_days": rule.grace_days,
                "step": rule.step,
            },
        }
    )


@command(tier, "rule")
@click.argument("measure")
@click.option(
    "--window",
    type=click.Choice([each.value for each in TierWindow]),
    default=TierWindow.ROLLING.value,
    show_default=True,
    help="窗口 · its window.",
)
@click.option("--days", type=click.IntRange(1, 1100), default=365, show_default=True, help="滚动窗口的天数 · days of a rolling window.")
@click.option("--grace", type=click.IntRange(0, 365), default=0, show_default=True, help="宽限天数 · days of grace before going down.")
@click.option(
    "--step",
    type=click.Choice([each.value for each in TierStep]),
    default=TierStep.ONE.value,
    show_default=True,
    help="降一级或降到位 · one step or all the way.",
)
@_PROGRAMME
def rule(voice: Voice, *, measure: str, window: str, days: int, grace: int, step: str, programme: str | None) -> None:
    """设定升级规则 · Say how members qualify: by points earned, spend or orders."""
    with opened() as house, work(house.engine) as session:
        found = programme_called(session, programme)
        set_rule(
            session,
            programme_id=found.id,
            measure=measure,
            window=TierWindow(window),
            window_days=days,
            grace_days=grace,
            step=TierStep(step),
            actor=ACTOR,
            now=house.clock.now(),
        )
        voice.line(f"{found.name}: 按{measures()[measure].zh}升级", f"{found.name}: members qualify by {measures()[measure].en}")
        voice.answer(
            {"programme": found.name, "measure": measure, "window": window, "window_days": days, "grace_days": grace, "step": step}
        )


@command(tier, "override")
@click.argument("number")
@click.argument("name")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="最后一天 · the last day, YYYY-MM-DD.")
@click.option("--reason", required=True, help="原因 · why.")
@_PROGRAMME
def override(voice: Voice, *, number: str, name: str, until: date, reason: str, programme: str | None) -> None:
    """人工指定等级 · Give a member (by card number) a tier by hand, until a day."""
    with opened() as house, work(house.engine) as session:
        found = programme_called(session, programme)
        card, wanted = find_member(session, programme_id=found.id, number=number), find_tier(session, programme_id=found.id, name=name)
        if card is None:
            raise NotFoundError(f"没有会员卡 {number} / there is no card {number}", code="no_member")
        if wanted is None:
            raise NotFoundError(f"没有等级 {name} / there is no tier {name}", code="no_tier")
        ends_at = midnight(date(until.year, until.month, until.day) + timedelta(days=1))
        override_tier(
            session,
            card,
            tier=wanted,
            ends_at=ends_at,
            reason=reason,
            actor=ACTOR,
            registry=house.registry,
            now=house.clock.now(),
        )
        voice.line(f"{number} 为 {name}, 到 {until:%Y-%m-%d} 为止", f"{number} is {name} until {until:%Y-%m-%d}")
        voice.answer({"number": number, "tier": name, "until": iso(ends_at)})


@command(tier, "invite")
@click.argument("number")
@click.argument("name")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="最后一天 · the last day, YYYY-MM-DD.")
@click.option("--reason", required=True, help="原因 · why.")
@_PROGRAMME
def invite_(voice: Voice, *, number: str, name: str, until: date, reason: str, programme: str | None) -> None:
    """邀请进入等级 · Invite a member (by card number) to a tier; who earns more stands higher all the same."""
    with opened() as house, work(house.engine) as session:
        found = programme_called(session, programme)
        card = find_member(session, programme_id=found.id, number=number, ring=house.ring)
        wanted = find_tier(session, programme_id=found.id, name=name)
        if card is None:
            raise NotFoundError(f"没有会员卡 {number} / there is no card {number}", code="no_member")
        if wanted is None:
            raise NotFoundError(f"没有等级 {name} / there is no tier {name}", code="no_tier")
        ends_at = midnight(date(until.year, until.month, until.day) + timedelta(days=1))
        now = house.clock.now()
        invite(session, card, tier=wanted, ends_at=ends_at, reason=reason, actor=ACTOR, registry=house.registry, now=now)
        voice.line(f"{card.number} 受邀为 {name}, 到 {until:%Y-%m-%d} 为止", f"{card.number} is invited to {name} until {until:%Y-%m-%d}")
        voice.answer({"number": card.number, "tier": name, "until": iso(ends_at)})


def _way(tier: Tier) -> tuple[str, str]:
    """How somebody comes to a tier."""
    if tier.threshold is not None:
        return f"{tier.threshold:,} 起", f"from {tier.threshold:,}"
    if tier.sku is not None:
        return f"购买 {tier.sku}, 每件 {tier.term_days} 天", f"bought as {tier.sku}, {tier.term_days} days a piece"
    return "受邀", "by invitation"


@command(tier, "review")
@click.option("--everyone", is_flag=True, help="改过规则后, 也升所有够格的人 · after a new rule: lift everybody who qualifies.")
def review(voice: Voice, *, everyone: bool) -> None:
    """复核等级 · Judge periods and exceptions that are over, as the night does; it may run twice."""
    with opened() as house:
        changed = review_tiers(house, everyone=everyone, tell=lambda done: voice.progress(f"已变更 {done:,}", f"{done:,} changed"))
        voice.line(f"{changed:,} 张卡变更等级", f"{changed:,} cards changed tier")
        voice.answer({"changed": changed})
