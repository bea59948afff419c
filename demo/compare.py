"""The comparison: reads the sandbox's log, the money's input log and the database, nothing else, and says what was lost and what was doubled."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from demo.found import Progress, connect, read_definitions, read_found, read_progress
from demo.money_verdict import judge_money
from demo.table import table
from demo.truth import Truth, by_sameness, read_truth
from demo.verdict import Verdict, judge

_POLL_S = 0.5


def settle(log: Path, database_url: str, *, wait_s: float, tell: Callable[[str], None] = lambda _: None) -> bool:
    """Wait until the house has worked off everything it accepted; False when it made no progress for `wait_s`."""
    with connect(database_url) as connection:
        return _settle(read_truth(log), lambda: read_progress(connection), wait_s=wait_s, tell=tell)


def compare(
    log: Path, database_url: str, *, money: Path | None = None, wait_s: float = 0, tell: Callable[[str], None] = lambda _: None
) -> Verdict:
    """Judge what the database says by the logs, once nothing moves any more or `wait_s` without any progress have passed.

    Without `money` only the WeChat side is judged.
    """
    truth = read_truth(log)
    with connect(database_url) as connection:
        if wait_s:
            _settle(truth, lambda: read_progress(connection), wait_s=wait_s, tell=tell)
        definitions = read_definitions(connection)
        verdict = judge(truth, definitions, read_found(connection))
        if money is not None:
            judge_money(verdict, money, connection)
        return verdict


def _settle(truth: Truth, look: Callable[[], Progress], *, wait_s: float, tell: Callable[[str], None]) -> bool:
    """Wait until the house has made up its mind; told progress gives it more time."""
    wanted = len(by_sameness([event for event in truth.told() if event.heard]))
    seen, until, told_at = None, time.monotonic() + wait_s, 0.0
    while True:
        now = look()
        if now.inbound >= wanted and not now.waiting:
            return True
        if now != seen:
            seen, until = now, time.monotonic() + wait_s
        if time.monotonic() > until:
            return False
        if time.monotonic() - told_at > 2:
            told_at = time.monotonic()
            tell(f"等待 waiting: {now.inbound:,}/{wanted:,} 事件 events, {now.waiting:,} 待办 to do")
        time.sleep(_POLL_S)


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print the table and one line of JSON; 0 only if nothing is lost and nothing doubled."""
    parser = argparse.ArgumentParser(prog="python -m demo.compare", description=__doc__)
    parser.add_argument("--log", type=Path, required=True, help="the sandbox's truth log")
    parser.add_argument("--money", type=Path, default=None, help="the input log of the money")
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL"), help="where the house keeps its facts")
    parser.add_argument("--wait-s", type=float, default=30.0, help="how long to wait without progress before judging")
    asked = parser.parse_args(argv)
    if not asked.database_url:
        parser.error("--database-url or DATABASE_URL is needed")
    verdict = compare(asked.log, asked.database_url, money=asked.money, wait_s=asked.wait_s, tell=lambda line: print(line, file=sys.stderr))
    for line in table(verdict):
        print(line)
    print(json.dumps(verdict.document(), ensure_ascii=False))
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
