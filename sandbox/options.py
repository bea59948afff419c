"""The command line of the sandbox."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Options(NamedTuple):
    """How the sandbox was started."""

    host: str
    port: int
    log: Path
    seed: int


def parse_options(argv: Sequence[str] | None) -> Options:
    """Read the command line; ends the program with a usage message when it is wrong."""
    parser = argparse.ArgumentParser(prog="fanka sandbox", description="WeChat itself on loopback, both directions.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8900, help="port to listen on; 0 lets the system choose")
    parser.add_argument("--log", type=Path, required=True, help="the truth log; state is rebuilt from it at start")
    parser.add_argument("--seed", type=int, default=1, help="seed of openids and of every chance the platform takes")
    found = parser.parse_args(argv)
    return Options(found.host, found.port, found.log, found.seed)
