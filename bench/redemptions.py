"""Coupons redeemed a second over HTTP, as tills do it: POST /api/v1/till/redemptions with a key of its own each, on the web server with two workers."""

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import psycopg

from app.core.clients import add_client
from app.core.house import House
from app.core.nouns import BusinessUnit, Customer, Store
from app.core.settings import read_settings
from app.core.unit import work
from app.local.programs import web_program
from bench.ground import Ground, free_port, ground
from bench.rounds import Findings, say
from bench.webhook import THREADS, WORKERS, WrongError
from bench.wire import Load, closed_loop
from cards.coupons.claim import Claim, Path, claim
from cards.coupons.templates import add_template, read_wish
from cards.models.coupons import CouponTemplate, TemplateState
from cards.models.programme import Programme

CONNECTIONS = 16
TILLS = 16
"""Programs with a key each, one for each connection."""
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Scene:
    """A store that takes coupons: its id, the keys of its tills, and codes in customers' hands."""

    store: str
    keys: list[str]
    codes: list[str]


def run(*, quick: bool) -> Findings:
    """Rounds of new coupons, then the first round once more: every answer again, and nothing redeemed twice."""
    number, rounds = (200, 2) if quick else (500, 5)
    findings = Findings()
    with ground("redemptions") as place:
        scene = _prepare(place, coupons=number * rounds + _AT_ONCE)
        port = free_port()
        env = {**place.env, "FANKA_WEB_PORT": str(port), "FANKA_WEB_WORKERS": str(WORKERS), "FANKA_WEB_THREADS": str(THREADS)}
        with place.running(web_program(read_settings(env), env)):
            _redeem(port, _requests(scene, 0, _AT_ONCE))
            loads, first = [], _requests(scene, _AT_ONCE, number)
            for at in range(rounds):
                requests = first if at == 0 else _requests(scene, _AT_ONCE + at * number, number)
                loads.append(_redeem(port, requests))
                say(f"  redemptions round {at + 1}/{rounds}: {loads[-1].per_s:,.0f}/s, p99 {loads[-1].quantile_ms(0.99):.0f} ms")
            again = _redeem(port, first)
        _check(place, uses=_AT_ONCE + number * rounds)
    findings.tables.append(_table(loads, again))
    return findings


def _redeem(port: int, requests: list[bytes]) -> Load:
    load = closed_loop(requests, port=port, connections=CONNECTIONS)
    if load.accepted != len(requests):
        raise WrongError(f"redemptions were answered {dict(load.statuses)}")
    return load


def _check(place: Ground, *, uses: int) -> None:
    """Every coupon is used once, in one use, by one attempt that was done."""
    with psycopg.connect(place.env["DATABASE_URL"]) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM coupon WHERE state = 'used'), (SELECT count(*) FROM coupon_use), "
            "(SELECT count(DISTINCT coupon_id) FROM coupon_use), (SELECT count(*) FROM redeem_attempt WHERE outcome = 'done')"
        ).fetchone()
    if found != (uses,) * 4:
        raise WrongError(f"{uses} coupons were redeemed, and the books say {found}")


def _requests(scene: Scene, start: int, number: int) -> list[bytes]:
    return [_request(scene, start + at) for at in range(number)]


def _request(scene: Scene, at: int) -> bytes:
    order = {"source": "pos", "order_no": f"bench-{at}", "total_fen": 5000}
    body = orjson.dumps({"store": scene.store, "attempt_id": str(uuid4()), "code": scene.codes[at], "order": order})
    head = (
        "POST /api/v1/till/redemptions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {scene.keys[at % TILLS]}\r\nIdempotency-Key: bench-{at}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _prepare(place: Ground, *, coupons: int) -> Scene:
    """A programme, a store, its tills, and a coupon of ten yuan in the hand of each customer."""
    now = datetime.now(UTC)
    with place.house() as house:
        with work(house.engine) as session:
            programme, unit = Programme(name="bench", created_at=now), BusinessUnit(name="bench")
            session.add_all([programme, unit])
            session.flush()
            store = Store(business_unit_id=unit.id, code="B1", name="bench")
            session.add(store)
            wish = {
                "name": "满减",
                "type": "amount_off",
                "terms": {"amount_fen": 1000},
                "unit": unit.public_id,
                "days_valid": 7,
                "claimable": True,
            }
            template = add_template(session, read_wish(wish), programme_id=programme.id, now=now, actor="bench")
            template.state = TemplateState.OPEN
            wishes = {"scopes": ["tills"], "programme_id": programme.id, "unit_id": unit.id, "actor": "bench", "now": now}
            keys = [add_client(session, name=f"till {number}", **wishes)[1] for number in range(TILLS)]
            people = [Customer(created_at=now) for _ in range(coupons)]
            session.add_all(people)
            session.flush()
            ids = [person.id for person in people]
            scene = Scene(str(store.public_id), keys, [])
        for start in range(0, coupons, _AT_ONCE):
            scene.codes.extend(_give(house, template.id, ids[start : start + _AT_ONCE], now=now))
    return scene


def _give(house: House, template_id: int, people: list[int], *, now: datetime) -> list[str]:
    with work(house.engine) as session:
        template = session.get_one(CouponTemplate, template_id)
        wishes = [Claim(person, Path.CLERK, f"bench:{person}", "bench") for person in people]
        return [claim(session, template, wish, registry=house.registry, now=now).coupon.code for wish in wishes]


def _table(loads: list[Load], again: Load) -> str:
    median = statistics.median(load.per_s for load in loads)
    latencies = [statistics.median(load.quantile_ms(share) for load in loads) for share in (0.5, 0.99)]
    return (
        f"| redemptions over HTTP ({CONNECTIONS} connections, {TILLS} tills, {WORKERS} workers) | /s | p50 ms | p99 ms |\n|---|---|---|---|\n"
        f"| coupons redeemed, each with a key of its own | {median:,.0f} | {latencies[0]:.0f} | {latencies[1]:.0f} |\n"
        f"| the same requests again, answered and not redeemed | {again.per_s:,.0f} | {again.quantile_ms(0.5):.0f} | {again.quantile_ms(0.99):.0f} |"
    )
