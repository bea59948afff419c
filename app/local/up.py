"""`fanka up`: the whole house on one machine, from nothing to running and back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TextIO

from app.core.settings import read_settings
from app.local.home import Home
from app.local.port import claimed
from app.local.program import Program
from app.local.programs import house_programs
from app.local.supervisor import Supervisor


@contextmanager
def house_up(
    home: Home,
    *,
    out: TextIO,
    migrate: Callable[[Mapping[str, str]], object],
    changes: Mapping[str, str] | None = None,
    before: Callable[[Mapping[str, str]], Sequence[Program]] | None = None,
) -> Iterator[tuple[Supervisor, dict[str, str]]]:
    """Start the embedded servers, bring the schema up to date with `migrate(env)`, start what `before(env)` names and then the house.

    Yields the supervisor and the environment of the children; everything is stopped in reverse order when the block ends.
    Raises SettingError, ConflictError when this checkout already runs or another program has its port, UnavailableError when something does not come up.
    """
    with ExitStack() as stack, home.owned(), Supervisor(out=out, notes=home.notes) as supervisor:
        env = home.environment() | dict(changes or {})
        settings = read_settings(env)
        stack.enter_context(claimed(settings.web_host, settings.web_port))
        for program in home.servers():
            supervisor.start(program)
        home.ensure_database()
        migrate(env)
        for program in (*(before(env) if before is not None else ()), *house_programs(settings, env)):
            supervisor.start(program)
        yield supervisor, env


def run_house(home: Home, *, out: TextIO, migrate: Callable[[Mapping[str, str]], object]) -> None:
    """Run the house until SIGTERM or Ctrl-C. Raises as `house_up` does."""
    with house_up(home, out=out, migrate=migrate) as (supervisor, env):
        settings = read_settings(env)
        supervisor.say("up", f"http://{settings.web_host}:{settings.web_port}/ answers; Ctrl-C stops everything in order")
        try:
            supervisor.wait()
        except KeyboardInterrupt:
            supervisor.say("up", "stopping")
