"""`fanka sandbox`: WeChat on loopback, a program of its own that this process becomes."""

import os
import sys
from pathlib import Path

import click

_CHECKOUT = Path(__file__).resolve().parents[2]


@click.command(
    "sandbox",
    context_settings={"ignore_unknown_options": True, "help_option_names": [], "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """本机上的微信 · WeChat on loopback: --port, --log, --host, --seed; page at /, control at /_control/."""
    path = os.pathsep.join(part for part in (str(_CHECKOUT), os.environ.get("PYTHONPATH", "")) if part)
    os.execve(sys.executable, [sys.executable, "-m", "sandbox", *arguments], {**os.environ, "PYTHONPATH": path})  # noqa: S606
