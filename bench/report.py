"""What a run leaves: a page for people, and one line of JSON for machines."""

import json
import os
import platform
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.ground import here
from bench.rounds import Duel, Findings, say

_HEAD = """# How fast it is

Made by `make bench`. Every figure of ours stands beside a baseline that did the same work in the same run, by turns, and passed the same
check of what it left behind; the median of the rounds counts. Ratios hold from machine to machine, absolute figures do not. `docs/bench.md`
says what each bench does and what its baseline is.
"""


def write_results(found: Mapping[str, Findings], *, quick: bool, complete: bool) -> None:
    """Write bench/RESULTS.md when all benches ran in full; a part of them is printed only."""
    page = _page(found, quick=quick)
    if quick or not complete:
        say(page)
        return
    here("RESULTS.md").write_text(page, encoding="utf-8")
    say(f"written to {here('RESULTS.md').name}")


def report(found: Mapping[str, Findings]) -> int:
    """Print the failures and the last line; says with which status to end."""
    duels = [duel for findings in found.values() for duel in findings.duels]
    failures = [failure for findings in found.values() for failure in findings.failures]
    failures += [f"{duel.name}: {duel.ratio:.1f}x, not {duel.least:g}x" for duel in duels if not duel.met]
    for failure in failures:
        say(f"NOT MET {failure}")
    print(
        json.dumps(
            {duel.name: {"ours": _round(duel.ours), "baseline": _round(duel.baseline), "ratio": _round(duel.ratio)} for duel in duels}
        )
    )
    return 1 if failures else 0


def _page(found: Mapping[str, Findings], *, quick: bool) -> str:
    lines = [_HEAD, _machine(quick=quick), "| bench | unit | ours | baseline | ratio | at least |", "|---|---|---|---|---|---|"]
    duels = [duel for findings in found.values() for duel in findings.duels]
    lines += [
        f"| {duel.name} | {duel.unit} | {_shown(duel.ours)} | {_shown(duel.baseline)} | **{duel.ratio:.1f}x** | {duel.least:g}x |"
        for duel in duels
    ]
    for findings in found.values():
        lines += [f"\n{table}" for table in findings.tables]
    lines += ["\n## Rounds\n", "| bench | ours, baseline of each round | remarks |", "|---|---|---|"]
    lines += [f"| {duel.name} | {_rounds(duel)} | {'; '.join(duel.notes)} |" for duel in duels]
    return "\n".join(lines) + "\n"


def _machine(*, quick: bool) -> str:
    memory = psutil.virtual_memory().total / 2**30
    command = " ".join([f"{name}={shlex.quote(os.environ[name])}" for name in ("BENCH", "QUICK") if os.environ.get(name)] + ["make bench"])
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {psutil.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; PostgreSQL and Redis on the same machine, both write to disk before they answer "
        f"(`fsync on`, `appendfsync always`). Command: `{command}`{', shortened' if quick else ''}.\n"
    )


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    except OSError:
        return platform.processor() or platform.machine()


def _rounds(duel: Duel) -> str:
    return "; ".join(f"{_shown(mine)}, {_shown(theirs)}" for mine, theirs in duel.rounds)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _round(value: float) -> float:
    return round(value, 2)
