"""People: making them, listing them, looking at one phone, and letting them act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from sandbox.acts.perform import ActImpossibleError, ActWrongError, perform
from sandbox.control.base import ControlRefusedError, Platform, as_object, control, control_effect, decide, read_number, read_text, wrong
from sandbox.net.message import Reply
from sandbox.state.identity import person_name, person_phone
from sandbox.state.person import Person

if TYPE_CHECKING:
    from sandbox.net.message import Request
    from sandbox.state.world import Record, World

MAX_PEOPLE: Final = 2_000_000
MAX_AT_ONCE: Final = 100_000
MAX_ACTS: Final = 1000
_BRIEF: Final = ("id", "name", "phone")


@control("POST", "/_control/people")
def make_people(platform: Platform, request: Request, body: Any) -> Record:
    """Make people with given names and phones, or a number of made-up ones."""
    del request
    wanted = _wanted(as_object(body))
    world = platform.world
    if len(world.people) + len(wanted) > MAX_PEOPLE:
        wrong(f"at most {MAX_PEOPLE} people", 409)
    made = []
    for item in wanted:
        number = world.next_person
        person = {
            "id": f"p{number}",
            "name": read_text(item, "name", person_name(world.seed, number), limit=64),
            "phone": read_text(item, "phone", person_phone(number), limit=20),
        }
        world.record("person", {"person": person["id"], "name": person["name"], "phone": person["phone"]})
        made.append(person)
    return {"people": made}


def _wanted(body: Record) -> list[Record]:
    if "count" in body:
        return [{}] * int(read_number(body, "count", most=MAX_AT_ONCE))
    people = body.get("people")
    if not isinstance(people, list) or len(people) > MAX_AT_ONCE:
        wrong(f"people is a list of at most {MAX_AT_ONCE}, or give count")
    return [as_object(item) for item in people]


def apply_person(world: World, entry: Record, line: bytes) -> None:
    """Apply a person record."""
    del line
    world.people[entry["person"]] = Person(entry["person"], entry["name"], entry["phone"])
    world.next_person = max(world.next_person, int(entry["person"][1:]) + 1)


@control("GET", "/_control/people")
def list_people(platform: Platform, request: Request, body: Any) -> Record:
    """List people; `q` filters by a part of the name, phone or id."""
    del body
    offset = _query_number(request, "offset", 0)
    limit = min(1000, _query_number(request, "limit", 100))
    sought = request.query.get("q", "")[:64]
    people = list(platform.world.people.values())
    if sought:
        people = [p for p in people if sought in p.name or sought in p.phone or sought == p.id]
    page = people[offset : offset + limit]
    return {"total": len(people), "people": [{name: getattr(p, name) for name in _BRIEF} for p in page]}


def _query_number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        wrong(f"{name} is a number")
    return int(text)


@control("GET", "/_control/people/", prefix=True)
def show_person(platform: Platform, request: Request, body: Any) -> Reply:
    """Show one person: openids, unionid by Open Platform group, cards, and the screen."""
    del body
    world = platform.world
    person = world.people.get(request.path.removeprefix("/_control/people/"))
    if person is None:
        wrong("no such person", 404)
    unionids: dict[str, str] = {}
    cards: list[Record] = []
    for appid, contact in person.contacts.items():
        account = world.accounts[appid]
        if account.open_platform:
            unionids[account.open_platform] = contact.unionid
        cards.extend(
            {"appid": appid, "card_id": code.card_id, "code": code.code, "status": code.status, "active": code.active}
            for code in (account.card_codes[key] for key in contact.codes)
        )
    shown = {
        "id": person.id,
        "name": person.name,
        "phone": person.phone,
        "unionid": unionids,
        "openids": {appid: contact.openid for appid, contact in person.contacts.items()},
        "following": [appid for appid, contact in person.contacts.items() if contact.following],
        "cards": cards,
        "screen": [orjson.Fragment(line) for line in person.screen],
    }
    return Reply(orjson.dumps(shown))


@control("POST", "/_control/browser")
def hold_phone(platform: Platform, request: Request, body: Any) -> Record:
    """Say whose phone opens web pages from now on; an empty `person` brings the page that asks."""
    del request
    person = read_text(as_object(body), "person")
    if person and person not in platform.world.people:
        wrong("no such person", 404)
    decide(platform, "browser", {"person": person})
    return {"person": person}


@control_effect("browser")
def phone_held(world: World, entry: Record) -> None:
    """Remember whose phone it is."""
    world.browser = entry["person"]


@control("POST", "/_control/act")
def act(platform: Platform, request: Request, body: Any) -> Record:
    """Let people act, one or up to 1000 at once in order; the first impossible act stops the list."""
    del request
    acts = body if isinstance(body, list) else [body]
    if not 1 <= len(acts) <= MAX_ACTS:
        wrong(f"at most {MAX_ACTS} acts at once")
    results: list[Record] = []
    for index, params in enumerate(acts):
        try:
            results.append(perform(platform.world, as_object(params)))
        except (ActWrongError, ActImpossibleError, ControlRefusedError) as error:
            status = 409 if isinstance(error, ActImpossibleError) else 400
            done = [result["event"] for result in results]
            raise ControlRefusedError(str(error), status, index=index, events=done) from error
    answer: Record = {"events": [result["event"] for result in results], "results": results}
    if not isinstance(body, list) and "code" in results[0]:
        answer["code"] = results[0]["code"]
    return answer
