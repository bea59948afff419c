"""`fanka doctor`: what is wrong with this house, in one line each."""

import sys
from collections.abc import Iterator

import click

from app.commands.checks.accounts import check_accounts
from app.commands.checks.clock import check_clock
from app.commands.checks.crm import check_crm
from app.commands.checks.database import check_database
from app.commands.checks.finding import Finding, bad_as_said, ok
from app.commands.checks.redis import check_inbox, check_queue
from app.commands.checks.work import check_work
from app.commands.frame import REFUSED, USAGE, command
from app.commands.house import opened
from app.commands.speech import Voice, say
from app.core.errors import SettingError
from app.core.house import House

_MARKS = {"ok": "✓", "warn": "!", "bad": "✗"}


@command(None, "doctor")
def doctor(voice: Voice) -> None:
    """体检 · Look at settings, database, schema, Redis, clock, accounts and callback addresses; one line each, 1 when something is bad."""
    try:
        with opened() as house:
            findings = [ok("settings", "设置完整", "the settings are complete"), *examine(house)]
        code = REFUSED if any(finding.level == "bad" for finding in findings) else 0
    except SettingError as error:
        findings, code = [bad_as_said("settings", error.detail)], USAGE
    for finding in findings:
        if not voice.as_json:
            click.echo(f"{_MARKS[finding.level]} {finding.part}: {' '.join(say(finding.zh, finding.en).split())}")
    voice.answer(
        {
            "ok": code == 0,
            "findings": [{"part": each.part, "level": each.level, "zh": each.zh, "en": each.en} for each in findings],
        }
    )
    sys.exit(code)


def examine(house: House) -> Iterator[Finding]:
    """Every finding about a house. A part that is away is said once; what needs it is not asked."""
    found = list(check_database(house.engine))
    yield from found
    if house.replica is not house.engine:
        yield from check_database(house.replica, "replica")
    yield from check_inbox(house.inbox.redis)
    if house.settings.queue_redis_url != house.settings.redis_url:
        yield from check_queue(house.redis)
    yield from check_clock(house)
    if all(finding.level == "ok" for finding in found):
        yield from check_accounts(house)
        yield from check_work(house)
        yield from check_crm(house)
