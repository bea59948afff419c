"""`fanka migrate-vendor`: members, tiers, points, balances and coupons of another vendor, tried first and then brought."""

from pathlib import Path

import click

from app.commands.frame import command
from app.commands.house import opened
from app.commands.speech import Voice
from app.core.errors import BadRequestError
from app.core.unit import reading
from cards.programmes import programme_called, unit_called
from cards.vendor_import.files import open_bundle, write_rows
from cards.vendor_import.run import run_bundle
from cards.vendor_import.trial import Expected, Trial, try_bundle

ACTOR = "cli"
_FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
_VENDOR = click.option("--vendor", required=True, help="来源系统的名称 · a name for the system they come from.")
_PROGRAMME = click.option("--programme", default=None, help="会员计划, 只有一个时可省 · which programme, if there are several.")


@click.group()
def migrate_vendor() -> None:
    """从别家迁入 · Migration from another vendor."""


@command(migrate_vendor, "trial")
@_FOLDER
@_VENDOR
@click.option("--members", type=click.IntRange(0), default=None, help="对方给出的会员数 · members, by the vendor's own count.")
@click.option("--points", type=click.IntRange(0), default=None, help="对方给出的积分合计 · points, by the vendor's own sum.")
@click.option(
    "--value-fen", type=click.IntRange(0), default=None, help="对方给出的余额合计(分) · stored value in fen, by the vendor's own sum."
)
@click.option("--coupons", type=click.IntRange(0), default=None, help="对方给出的券数 · coupons, by the vendor's own count.")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), default=None, help="把问题写入 CSV · write the problems into a CSV file."
)
@_PROGRAMME
def trial(
    voice: Voice,
    *,
    folder: Path,
    vendor: str,
    members: int | None,
    points: int | None,
    value_fen: int | None,
    coupons: int | None,
    report: Path | None,
    programme: str | None,
) -> None:
    """试运行 · Read and reconcile a folder of CSV files; nothing of a member is written."""
    with opened() as house:
        with reading(house.engine) as session:
            found = programme_called(session, programme)
        expected = Expected(members, points, value_fen, coupons)
        made = try_bundle(house, open_bundle(vendor, folder), programme_id=found.id, expected=expected)
    if report is not None:
        write_rows(report, ["file", "line", "why"], [[each.file, str(each.line), each.why] for each in made.problems.shown])
    _told(voice, made)
    if not made.passed:
        raise BadRequestError(
            f"{made.problems.total:,} 个问题, 没有写入任何数据 / {made.problems.total:,} problems; nothing was written", code="trial_failed"
        )
    voice.answer(
        {
            "passed": True,
            "members": made.members,
            "points": made.points,
            "value_fen": made.value_fen,
            "coupons": made.coupons,
            "known": made.known,
            "digest": made.digest,
        }
    )


@command(migrate_vendor, "run")
@_FOLDER
@_VENDOR
@click.option("--unit", required=True, help="积分与余额由哪个事业部承担 · the business unit that owes points and value.")
@_PROGRAMME
def run(voice: Voice, *, folder: Path, vendor: str, unit: str, programme: str | None) -> None:
    """迁入 · Bring what passed its trial; it may be stopped and run again."""
    with opened() as house:
        with reading(house.engine) as session:
            found, owner = programme_called(session, programme), unit_called(session, unit)
        done = run_bundle(
            house,
            open_bundle(vendor, folder),
            programme_id=found.id,
            unit_id=owner.id,
            actor=ACTOR,
            tell=lambda done, total: voice.progress(f"{done:,} / {total:,} 位会员", f"{done:,} of {total:,} members"),
        )
    voice.line(
        f"会员 {done.members:,} (新迁入 {done.fresh:,}), 积分 {done.points:,}, 余额 {done.value_fen:,} 分",
        f"{done.members:,} members ({done.fresh:,} new), {done.points:,} points, {done.value_fen:,} fen",
    )
    voice.line(f"券 {done.coupons:,}, 被拒 {done.refused_coupons:,}", f"{done.coupons:,} coupons, {done.refused_coupons:,} refused")
    voice.answer(
        {
            "members": done.members,
            "fresh": done.fresh,
            "points": done.points,
            "value_fen": done.value_fen,
            "coupons": done.coupons,
            "refused_coupons": done.refused_coupons,
        }
    )


def _told(voice: Voice, made: Trial) -> None:
    voice.line(
        f"会员 {made.members:,} (已认识 {made.known:,}), 积分 {made.points:,}, 余额 {made.value_fen:,} 分, 券 {made.coupons:,}",
        f"{made.members:,} members ({made.known:,} known), {made.points:,} points, {made.value_fen:,} fen, {made.coupons:,} coupons",
    )
    for each in made.problems.shown[:20]:
        zh, _, en = each.why.partition(" / ")
        voice.line(f"{each.file}:{each.line} {zh}", f"{each.file}:{each.line} {en or zh}")
