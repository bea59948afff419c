"""`python -m bench`: runs the benches named in BENCH (all by default), writes bench/RESULTS.md and ends with one line of JSON."""

import os
import signal
import sys
from types import FrameType

from bench.report import report, write_results
from bench.rounds import Findings, say

NAMES = ("webhook", "ingest", "push", "segment", "ledger", "redemptions", "scan", "memory")


def main() -> int:
    """Exit 0 when every bench was run and met its ratio, 1 when one did not, 2 when BENCH names none."""
    signal.signal(signal.SIGTERM, _end)
    wanted = [name for name in os.environ.get("BENCH", "").replace(",", " ").split() if name] or list(NAMES)
    strange = [name for name in wanted if name not in NAMES]
    if strange:
        say(f"BENCH is one or more of {', '.join(NAMES)}; there is no {strange[0]}")
        return 2
    quick = os.environ.get("QUICK", "") not in {"", "0"}
    found: dict[str, Findings] = {}
    for name in wanted:
        say(f"{name}{' (quick)' if quick else ''}")
        try:
            found[name] = _run(name, quick=quick)
        except Exception as error:  # noqa: BLE001 - one bench that breaks down is a failure of the run and does not keep the others from running.
            found[name] = Findings(failures=[f"{name} broke down: {type(error).__name__}: {error}"])
    write_results(found, quick=quick, complete=set(found) == set(NAMES))
    return report(found)


def _run(name: str, *, quick: bool) -> Findings:
    from importlib import import_module

    findings: Findings = import_module(f"bench.{name}").run(quick=quick)
    return findings


def _end(number: int, frame: FrameType | None) -> None:
    """Leave through the blocks that end the servers."""
    del frame
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
