"""`fanka demo`: a program of its own that this process becomes."""

import os
import sys
from pathlib import Path

import click

_CHECKOUT = Path(__file__).resolve().parents[2]


@click.command("demo", context_settings={"ignore_unknown_options": True, "help_option_names": [], "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """演示: 沙箱里的一天 · A shop's day on a sandboxed WeChat, compared: --once, --seed, --people, --seconds, --mutate."""
    path = os.pathsep.join(part for part in (str(_CHECKOUT), os.environ.get("PYTHONPATH", "")) if part)
    os.execve(sys.executable, [sys.executable, "-m", "demo", *arguments], {**os.environ, "PYTHONPATH": path})  # noqa: S606
