"""`python -m demo`: sets a shop up, plays its day in WeChat and in money, sends one broadcast, compares, and keeps running."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.commands.migrate import migrate_environment
from app.local.programs import sandbox_program
from app.local.supervisor import Supervisor
from app.local.up import house_up
from demo.compare import compare, settle
from demo.control import Control, ControlError
from demo.day import clock_at, draw_day
from demo.door import RefusedError, fanka, one_house
from demo.found import connect
from demo.money_mutate import double_points, drop_order
from demo.mutate import KINDS, double_send, drop_fact
from demo.phones import JoinError, hand_out
from demo.place import Site, fresh_site
from demo.play import play
from demo.setup import Shop, open_doors, open_shop, send_broadcast
from demo.table import table
from demo.verdict import Verdict
from demo.visit import Visit, lines, prepare

MUTATE = "FANKA_DEMO_MUTATE"
# Repeats, lateness and disorder of the platform; what is never answered is sometimes never repeated either.
HABITS = {
    "duplicate": 0.08,
    "late": 0.06,
    "late_s": 6.0,
    "reorder": 0.10,
    "lose_retry": 0.2,
    "retry_after_s": [1.0, 2.0, 3.0],
    "concurrency": 48,
}
RECEIPTS = {"delay_s": [0.2, 2.0], "fail_percent": 2.0, "block_percent": 3.0}
# Every so-manieth of the people takes a card.
CARD_SHARE = 0.15
# So many cards are bound to people of the sandbox, whose phones then show them.
ON_PHONES = 12
_began = time.monotonic()


def say(line: str) -> None:
    """One line of progress."""
    print(f"[{time.monotonic() - _began:5.1f} s] {line}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; 0 only if nothing is lost and nothing doubled."""
    parser = argparse.ArgumentParser(
        prog="fanka demo", description="一天的微信流量, 然后逐条比对 · a day of WeChat traffic, then a comparison"
    )
    parser.add_argument("--once", action="store_true", help="比对后结束 · end after the comparison")
    parser.add_argument("--seed", type=int, default=7, help="同一种子同一天 · the same seed is the same day")
    parser.add_argument("--people", type=int, default=2000, help="人数 · how many people there are")
    parser.add_argument("--seconds", type=float, default=60.0, help="一天播放多少秒 · how long the day takes")
    parser.add_argument(
        "--mutate",
        default=os.environ.get(MUTATE, ""),
        help="故意出错, 比对应变红; 多种以逗号相隔 · do something wrong on purpose; several with commas",
    )
    asked = parser.parse_args(argv)
    os.environ.pop(MUTATE, None)
    asked.mutate = [kind.strip() for kind in asked.mutate.split(",") if kind.strip()]
    if not set(asked.mutate) <= set(KINDS):
        parser.error(f"{MUTATE} is one or more of {', '.join(KINDS)}")
    try:
        return _run(asked)
    except KeyboardInterrupt:
        say("停止 stopped")
        return 130
    except Exception as error:
        if os.environ.get("FANKA_LOG_LEVEL", "").upper() == "DEBUG":
            raise
        known = isinstance(error, (RefusedError, ControlError, JoinError)) or hasattr(error, "detail")
        print(getattr(error, "detail", error) if known else f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _run(asked: argparse.Namespace) -> int:
    site = fresh_site()
    say("启动数据库, Redis, 沙箱与全部进程 starting database, Redis, sandbox and every process")
    say(f"  日志 log: {site.noise}")
    with site.noise.open("w") as noise:
        started = house_up(
            site.home,
            out=noise,
            migrate=migrate_environment,
            changes=site.changes(),
            before=lambda env: [sandbox_program(env, port=site.sandbox_port, log=site.truth, seed=asked.seed)],
        )
        with started as (supervisor, env):
            os.environ.update(env)
            verdict, phones = _day(site, asked)
            visit = None
            if not asked.once:
                with one_house():
                    visit = prepare()
            _tell(site, verdict, phones, visit)
            if visit is not None:
                _stay(supervisor)
    return 0 if verdict.clean else 1


def _day(site: Site, asked: argparse.Namespace) -> tuple[Verdict, dict[str, str]]:
    control = Control(site.sandbox_url)
    with one_house():
        say("开店 opening the shop")
        shop = open_shop(control, people=asked.people, tell=lambda line: say(f"  {line}"))
        day = draw_day(shop.people, shop.scenes, seed=asked.seed, seconds=asked.seconds)
        open_doors(control, shop, before=day.before, public_url=site.public_url, tell=lambda line: say(f"  {line}"))
        control.post("callbacks", HABITS)
        control.post("settings", {"receipts": RECEIPTS})
        say(
            f"播放一天 playing a day: {day.acts:,} 个动作 acts, {day.both:,} 人关注两个账号 follow both, 其中 {day.consents:,} 人同意合并 of them consent"
        )
        with _money(site, asked) as money:
            play(control, day.lines, seconds=asked.seconds, tell=lambda share, done: _tick(control, share, done))
            _quiet(control)
            _till_roll(money)
        phones = _phones(control, site, shop)
        _broadcast(control, site, shop, asked)
        for kind in asked.mutate:
            _mutate(control, site, shop, kind, seed=asked.seed)
    say("比对沙箱日志与数据库 comparing the sandbox's log with the database")
    verdict = compare(site.truth, os.environ["DATABASE_URL"], money=site.money, wait_s=60, tell=say)
    verdict.notes["phones"] = len(phones)
    return verdict, phones


@contextmanager
def _money(site: Site, asked: argparse.Namespace) -> Iterator["subprocess.Popen[bytes]"]:
    """Let the money's day play in a process of its own, beside the traffic."""
    members = max(round(asked.people * CARD_SHARE), 1)
    say(
        f"  同时 at the same time: 至多 up to {members} 张会员卡 member cards, 订单、退货、用券、积分抵扣 orders, returns, coupons, points at the till"
    )
    given = {"log": site.money, "url": site.public_url, "members": members, "seconds": asked.seconds, "seed": asked.seed}
    command = [sys.executable, "-m", "demo.money_play", *(part for name, value in given.items() for part in (f"--{name}", str(value)))]
    with site.noise.open("ab") as noise:
        playing = subprocess.Popen(command, stdout=noise, stderr=noise)  # noqa: S603 - our own interpreter and module.
    try:
        yield playing
    finally:
        if playing.poll() is None:
            playing.terminate()
        playing.wait(timeout=10)


def _till_roll(money: "subprocess.Popen[bytes]") -> None:
    """Wait until the tills are closed too. Raises RuntimeError when one of them broke."""
    if money.wait(timeout=120):
        raise RuntimeError("the money's day broke off; its last words are in the log named above")
    say("  收银台已打烊 the tills are closed")


def _phones(control: Control, site: Site, shop: Shop) -> dict[str, str]:
    """Some of the members are people of the sandbox, too: they bring their cards to their phones."""
    with connect(os.environ["DATABASE_URL"]) as connection:
        bound = hand_out(control, shop, public_url=site.public_url, money=site.money, connection=connection, most=ON_PHONES)
    say(f"  {len(bound)} 人在手机上绑定会员卡 people bring their cards to their phones")
    return bound


def _tick(control: Control, share: float, done: int) -> None:
    if round(share * 60) % 5 == 0:
        state = control.get("state")
        say(
            f"  {clock_at(share)} 已发生 {done:,} acts, 回调 callbacks {state['callbacks_ok']:,}, 排队 waiting {state['callbacks_pending']:,}"
        )


def _quiet(control: Control) -> None:
    state = control.post("idle", {"timeout_s": 60})
    word = "全部送达 all delivered" if state["idle"] else "仍有未送达 some are still on their way"
    say(f"  打烊 closing time: {state['events']:,} 个事件 events, {word}")


def _broadcast(control: Control, site: Site, shop: Shop, asked: argparse.Namespace) -> None:
    if not settle(site.truth, os.environ["DATABASE_URL"], wait_s=30, tell=lambda line: say(f"  {line}")):
        say("  还有事情没有做完 something is not worked off")
    planned = send_broadcast(shop, key=f"demo-{asked.seed}")
    reach = planned["forecast"]
    say(f"群发 broadcast: 分群 segment {reach['total']:,} 人 people, 可送达 reachable {reach['reached']:,}")
    _watch(planned["id"])
    control.post("idle", {"timeout_s": 60})


def _watch(broadcast: str) -> None:
    """Say once a second how far it has come, until it rests."""
    told, told_at, until = "", 0.0, time.monotonic() + 120
    while True:
        seen = fanka("broadcast", "status", broadcast)
        counts = {state: number for state, number in seen["counts"].items() if number}
        rests = seen["state"] == "finished" and not counts.get("sent") and not counts.get("unknown")
        line = f"  {seen['state']} " + ", ".join(f"{state} {number:,}" for state, number in counts.items())
        if counts and line != told and (rests or time.monotonic() - told_at > 1.5):
            say(line)
            told, told_at = line, time.monotonic()
        if rests:
            return
        if time.monotonic() > until:
            say("  群发没有在两分钟内结束 the broadcast did not come to rest within two minutes")
            return
        time.sleep(0.4)


def _mutate(control: Control, site: Site, shop: Shop, kind: str, *, seed: int) -> None:
    url = os.environ["DATABASE_URL"]
    if kind == "drop-fact":
        say(f"故意删除一条事实 dropped one fact on purpose: {drop_fact(url, seed=seed)}")
    elif kind == "drop-order":
        say(f"故意删除一张订单 dropped one order on purpose: {drop_order(url, seed=seed)}")
    elif kind == "double-points":
        say(f"故意重复入账一次积分 posted points twice on purpose: {double_points(url, seed=seed)}")
    else:
        say(f"故意重发一条消息 sent one message twice on purpose: {double_send(control, site.truth, shop.secrets, seed=seed)}")
        control.post("idle", {"timeout_s": 60})


def _tell(site: Site, verdict: Verdict, phones: dict[str, str], visit: Visit | None) -> None:
    print("\n".join(["", *table(verdict), ""]))
    if verdict.clean:
        say("没有丢失, 没有重复 nothing is lost and nothing is doubled ✓")
    else:
        say(f"不一致 NOT the same: 丢失 lost {verdict.lost:,}, 重复 doubled {verdict.doubled:,} ✗")
    if visit is not None:
        print("\n".join(["", *lines(site, visit, phones), ""]))
        say("一直运行 it keeps running; Ctrl-C 停止 stops everything")
    print(json.dumps({"seconds": round(time.monotonic() - _began, 1), **verdict.document()}, ensure_ascii=False), flush=True)


def _stay(supervisor: Supervisor) -> None:
    try:
        supervisor.wait()
    except KeyboardInterrupt:
        say("停止 stopping")


if __name__ == "__main__":
    sys.exit(main())
