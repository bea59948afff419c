"""`fanka up`: the whole house on this machine, with embedded servers where none are named."""

import sys

from app.commands.frame import command
from app.commands.migrate import migrate_environment
from app.commands.speech import Voice
from app.local.home import Home
from app.local.up import run_house


@command(None, "up")
def up(voice: Voice) -> None:
    """启动全部进程, 需要时连同数据库和 Redis · Run every process, with a database and a Redis where none are named, until Ctrl-C."""
    # The log of the children goes to standard error when standard output is to hold one JSON document.
    run_house(Home(), out=sys.stderr if voice.as_json else sys.stdout, migrate=migrate_environment)
    voice.answer({"stopped": True})
