"""The manual of the command line as Markdown, made from the commands themselves: `python -m app.commands.manual`."""

import sys
from collections.abc import Iterator

import click

from app.cli import main

_HEAD = """# Command line

Made by `python -m app.commands.manual` from the commands themselves; a test compares. Every command takes `--json` (one JSON document on standard
output and nothing else; progress goes to standard error). `FANKA_LANG=en` for English. Exit codes: 0 done, 1 refused, 2 usage or settings. Settings
come from the environment; when it names neither `DATABASE_URL` nor `REDIS_URL`, a command works in the embedded house of its checkout.
"""


def manual() -> str:
    """The whole page."""
    context = click.Context(main, info_name="fanka")
    return "\n".join([_HEAD, *(line for name, command in _named(main, context) for line in _part(name, command, context))])


def _named(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield name, command


def _part(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    """One command and those below it."""
    context = click.Context(command, info_name=name, parent=parent)
    if isinstance(command, click.Group):
        if parent.parent is None:
            yield f"## {context.command_path}\n\n{_words(command)}\n"
        for inner, below in _named(command, context):
            yield from _part(inner, below, context)
        return
    arguments = " ".join(parameter.make_metavar(context) for parameter in command.params if isinstance(parameter, click.Argument))
    title = f"{context.command_path} {arguments}".strip()
    yield f"{'##' if parent.parent is None else '###'} `{title}`\n\n{_words(command)}\n"
    options = [option for option in command.params if isinstance(option, click.Option) and option.name not in {"as_json", "limit", "after"}]
    if options:
        rows = "".join(f"| `{_option(option, context)}` | {_help(option)} |\n" for option in options)
        yield f"| option | meaning |\n|---|---|\n{rows}"


def _option(option: click.Option, context: click.Context) -> str:
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    return f"{option.opts[0]}{value}".replace("|", "\\|")


def _help(option: click.Option) -> str:
    notes = [option.help or ""]
    if option.required:
        notes.append("(required)")
    if option.show_default and option.default is not None:
        notes.append(f"(default `{option.default}`)")
    return " ".join(note for note in notes if note)


def _words(command: click.Command) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


if __name__ == "__main__":
    sys.stdout.write(manual())
