"""`python -m sandbox`: start the platform, say where it listens, stop on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import uvloop

from sandbox.app import Sandbox
from sandbox.options import parse_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.options import Options


async def serve(options: Options) -> None:
    """Run until a signal comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sandbox = Sandbox(options)
    port = await sandbox.open()
    print(f"sandbox: http://{options.host}:{port}/", flush=True)
    await stop.wait()
    await sandbox.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Start the sandbox with these arguments; returns the exit status."""
    options = parse_options(argv)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(options))
    except (OSError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
