"""`fanka points`: what is going to expire and who would hear of it, and the expiry itself."""

from datetime import date, timedelta
from pathlib import Path

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.audit import note
from app.core.house import House
from app.core.unit import reading, work
from cards.expiry import midnight
from cards.expiry_forecast import forecast_expiry, forecast_notices, forecast_people, year_end
from cards.ledger.night import settle_night
from cards.models.programme import Programme
from cards.programmes import programme_called
from cards.vendor_import.files import write_rows

ACTOR = "cli"
_CHANNELS = (
    ("service", "微信会话窗口内", "open WeChat window"),
    ("mass", "群发", "mass message"),
    ("email", "邮件", "e-mail"),
    ("badge", "卡页提示", "card page"),
)


@click.group()
def points() -> None:
    """积分 · Points."""


@command(points, "expiry")
@click.option("--dry-run", is_flag=True, help="只预演, 不改动 · only show what would expire.")
@click.option(
    "--through", type=click.DateTime(["%Y-%m-%d"]), default=None, help="到哪一天, 默认今年年底 · up to which day; the year's end."
)
@click.option(
    "--who", type=click.Path(dir_okay=False, path_type=Path), default=None, help="把会员名单写入 CSV · write the members into a CSV file."
)
@click.option("--programme", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")
def expiry(voice: Voice, *, dry_run: bool, through: date | None, who: Path | None, programme: str | None) -> None:
    """积分到期 · What expires on which day by unit, and who would hear of it where; without --dry-run, expire now what is over, as the night does."""
    with opened() as house:
        now = house.clock.now()
        if not dry_run:
            wallets = settle_night(house.engine, now=now, tell=lambda done: voice.progress(f"{done:,} 个账户", f"{done:,} wallets"))
            if wallets:
                with work(house.engine) as session:
                    detail = {"wallets": wallets}
                    note(session, at=now, actor=ACTOR, action="points.settled", object_type="house", object_id="all", detail=detail)
            voice.line(f"已结清 {wallets:,} 个账户", f"{wallets:,} wallets settled")
            voice.answer({"wallets": wallets})
            return
        last = year_end(now) if through is None else date(through.year, through.month, through.day)
        until = midnight(last + timedelta(days=1))
        with reading(house.replica) as session:
            found = programme_called(session, programme)
            due = forecast_expiry(session, programme_id=found.id, until=until)
            mail, mass = house.settings.smtp_url is not None, house.settings.reminder_mass
            told = forecast_notices(session, programme_id=found.id, until=until, now=now, mail=mail, mass=mass)
            people = [] if who is None else forecast_people(session, programme_id=found.id, until=until, now=now, mail=mail, mass=mass)
        if who is not None:
            _list_people(house, who, people, programme=found, last=last)
    voice.table(
        [("到期日", "last day"), ("事业部", "unit"), ("积分", "points"), ("批次", "lots"), ("会员", "members")],
        [(each.day.isoformat(), each.unit, each.points, each.lots, each.members) for each in due],
        empty=("到那天为止没有积分到期", "no points expire up to that day"),
    )
    total = sum(each.points for each in due)
    voice.line(
        f"到 {last} 为止共 {total:,} 积分, {told['members']:,} 位会员", f"{total:,} points of {told['members']:,} members up to {last}"
    )
    for name, zh, en in _CHANNELS:
        voice.line(f"  {zh}: {told[name]:,}", f"  {en}: {told[name]:,}")
    voice.answer(
        {
            "through": last.isoformat(),
            "points": total,
            "days": [
                {"day": each.day.isoformat(), "unit": each.unit, "points": each.points, "lots": each.lots, "members": each.members}
                for each in due
            ],
            "told": told,
        }
    )


def _list_people(house: House, path: Path, people: list[list[str]], *, programme: Programme, last: date) -> None:
    """Write who it concerns into a file; that somebody was given the list is in the audit."""
    write_rows(path, ["card", "points", "first_last_day", "told_on"], people)
    with work(house.engine) as session:
        note(
            session,
            at=house.clock.now(),
            actor=ACTOR,
            action="points.expiry_listed",
            object_type="programme",
            object_id=programme.public_id,
            detail={"through": last.isoformat(), "members": len(people)},
        )
