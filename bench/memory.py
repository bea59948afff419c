"""The memory of every process of the house, at rest and under load: traffic comes in while a broadcast goes out."""

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack

from app.core.settings import read_settings
from app.local.programs import house_programs
from bench.ground import Ground, free_port, ground, memory_mib
from bench.letters import mail, openids
from bench.platform import platform
from bench.push import Stage, prepare_people
from bench.rounds import Findings, say
from bench.webhook import CONNECTIONS, WrongError
from bench.wire import closed_loop


def run(*, quick: bool) -> Findings:
    """The whole house as `fanka up` runs it; the highest of many looks counts as under load."""
    people, events = (2_000, 5_000) if quick else (20_000, 40_000)
    with ground("memory") as place, platform(place) as wechat, place.house(FANKA_WECHAT_API_URL=wechat.url) as house, ExitStack() as stack:
        stage = Stage(place, house, wechat, prepare_people(place, house, wechat, people))
        port = free_port()
        env = {**place.env, "FANKA_WECHAT_API_URL": wechat.url, "FANKA_WEB_PORT": str(port)}
        for program in house_programs(read_settings(env), env):
            stack.enter_context(place.running(program))
        letters = mail(events, seed=11, people=openids(5_000))
        closed_loop(letters.requests[:200], port=port, connections=8)
        _settled(stage)
        at_rest = _look(place)
        peaks = dict(at_rest)
        busy = threading.Event()
        watcher = threading.Thread(target=_watch, args=(place, peaks, busy), name="watcher")
        watcher.start()
        sending = threading.Thread(target=stage.ours, args=(people,), name="sending")
        sending.start()
        load = closed_loop(letters.requests[200:], port=port, connections=CONNECTIONS)
        sending.join()
        _settled(stage)
        busy.set()
        watcher.join()
    if load.accepted != events - 200:
        raise WrongError(f"answers were {dict(load.statuses)}")
    lines = ["| process | MiB at rest | MiB under load |", "|---|---|---|"]
    lines += [f"| {name} | {at_rest[name]:.0f} | {peaks[name]:.0f} |" for name in at_rest]
    lines.append(f"| together | {sum(at_rest.values()):.0f} | {sum(peaks.values()):.0f} |")
    say("\n".join(lines))
    note = f"PSS; under load: {events:,} events came in while {people:,} template messages went out. The sandbox stands for WeChat."
    return Findings(tables=["\n".join([*lines, "", note])])


def _look(place: Ground) -> dict[str, float]:
    return {name: memory_mib(child.pid) for name, child in place.children.items()}


def _watch(place: Ground, peaks: dict[str, float], done: threading.Event) -> None:
    while not done.wait(0.5):
        now: Mapping[str, float] = _look(place)
        peaks.update({name: max(peaks[name], held) for name, held in now.items()})


def _settled(stage: Stage) -> None:
    until = time.monotonic() + 120
    while stage.house.inbox.waiting():
        if time.monotonic() > until:
            raise WrongError("the inbox was not drained")
        time.sleep(0.1)
    time.sleep(2)
