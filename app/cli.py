"""The door for people at a terminal: `fanka`, whose commands are loaded when they are asked for."""

import importlib
import logging
import sys
from collections.abc import Sequence
from typing import Any

import click

from app.commands.speech import as_json

# A command says itself what went wrong, in words; without this the bare names of log lines would stand between them.
logging.getLogger("fanka").addHandler(logging.NullHandler())

# Name to module; each module holds a click command or group of the same name, with _ for -. In the order of help.
COMMANDS = {
    "up": "up",
    "demo": "demo",
    "sandbox": "sandbox",
    "doctor": "doctor",
    "migrate": "migrate",
    "account": "account",
    "store": "store",
    "department": "department",
    "staff": "staff",
    "device": "device",
    "programme": "programme",
    "tier": "tier",
    "member": "member",
    "lifecycle": "lifecycle",
    "migrate-vendor": "migrate_vendor",
    "crm": "crm",
    "coupon": "coupon",
    "claim-code": "claim_code",
    "page": "page",
    "review": "review",
    "block": "block",
    "channel": "channel",
    "menu": "menu",
    "reply": "reply",
    "tags": "tags",
    "segment": "segment",
    "broadcast": "broadcast",
    "earning": "earning",
    "points": "points",
    "order": "order",
    "merchant": "merchant",
    "value": "value",
    "ledger": "ledger",
    "settlement": "settlement",
    "client": "client",
    "audit": "audit",
    "facts": "facts",
    "dead": "dead",
    "handlers": "plugins",
    "rules": "plugins",
    "keys": "keys",
}


class _Lazy(click.Group):
    """Imports a command's module only when it is run or described; who asked for JSON hears of wrong usage in JSON too."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click names and places it.
        **extra: Any,
    ) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        if not standalone_mode or "--json" not in given:
            return super().main(given, prog_name, complete_var, standalone_mode, **extra)
        try:
            ended = super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
        except click.Abort:
            # What should have been typed in never came.
            click.echo(as_json({"error": {"code": "aborted", "detail": "没有输入所需的内容 / what was asked for was not given"}}))
            sys.exit(1)
        except click.ClickException as error:
            click.echo(as_json({"error": {"code": "usage", "detail": error.format_message()}}))
            sys.exit(error.exit_code)
        sys.exit(ended if isinstance(ended, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(importlib.import_module(f"app.commands.{COMMANDS[cmd_name]}"), cmd_name.replace("-", "_"))
        return found


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="fanka", prog_name="fanka")
def main() -> None:
    """粉卡: 微信会员服务, 集团自己运行 · the WeChat membership service that a retail group runs by itself.

    中文在前; FANKA_LANG=en 用英文 · Chinese first; FANKA_LANG=en for English.
    退出码 · exit codes: 0 完成 ok, 1 被拒绝 refused, 2 用法或设置有误 usage or settings.
    """


if __name__ == "__main__":
    main()
