"""What the house must have made of the truth: facts, followers, customers, recomputed without a line of its code."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from demo.found import Definitions, FoundFact, digest
from demo.meaning import Meant, essence, is_consent, meaning
from demo.truth import Event, Truth, by_sameness

Contact = tuple[str, str]
"""(appid, openid)."""
Group = frozenset[str]
"""One customer, as the openid digests of the followers he is."""
FactKey = tuple[str, str | None, str, int, object]
"""(appid, openid digest or None when blanked, kind, second, what of the data is compared)."""

_PASSIVE = frozenset({"template.receipted", "event.unknown", "follower.unfollowed", "service.session"})
_SAYS_NOTHING = ("card.", "coupon.", "qr.", "mini.", "subscribe.")


@dataclass(slots=True)
class Person:
    """One follower: what stands of him once erasure was obeyed."""

    contact: Contact
    key: str
    state: str
    erased_s: int = 0
    """Up to which second everything of his is blank; 0 for never."""
    facts: list[Meant] = field(default_factory=list)
    """What is not blank."""
    gone_and_erased: bool = False


@dataclass(slots=True)
class Expected:
    """The house as it must be."""

    inbound: int = 0
    facts: Counter[FactKey] = field(default_factory=Counter)
    people: dict[str, Person] = field(default_factory=dict)
    """By openid digest."""
    groups: list[Group] = field(default_factory=list)
    """Customers whom the log decides."""
    unjudged: set[str] = field(default_factory=set)
    """Followers about whom the order inside the house decides, not the log: somebody consented and then was erased or left."""
    scans: list[Meant] = field(default_factory=list)
    """Every scan, those of erased people among them: a count names nobody."""


def expect(truth: Truth, definitions: Definitions, found: Collection[FoundFact]) -> Expected:
    """Everything the log demands. `found` decides only about events of which nobody knows whether they were accepted."""
    events = _accepted(truth, definitions, found)
    expected = Expected(inbound=len(events))
    meant = [fact for event in events for fact in meaning(event, definitions)]
    by_contact: dict[Contact, list[Meant]] = defaultdict(list)
    for fact in meant:
        by_contact[fact.contact].append(fact)
    for contact in {*by_contact, *truth.imported}:
        if contact[0] in definitions.accounts:
            person = _person(contact, by_contact[contact], definitions, imported=contact in truth.imported)
            expected.people[person.key] = person
    for fact in meant:
        expected.facts[_key(fact, expected.people[digest(*fact.contact)])] += 1
    expected.scans = [fact for fact in meant if fact.kind == "qr.scanned"]
    _group(expected, truth, by_contact, definitions)
    return expected


def found_key(fact: FoundFact) -> FactKey:
    """A fact of the database in the form in which facts are compared."""
    blank = fact.who is None and not fact.data
    return fact.appid, fact.who, fact.kind, fact.second, None if blank else essence(fact.kind, fact.data)


def _key(fact: Meant, person: Person) -> FactKey:
    if fact.second <= person.erased_s:
        return fact.account.appid, None, fact.kind, fact.second, None
    return fact.account.appid, person.key, fact.kind, fact.second, essence(fact.kind, fact.data)


def _accepted(truth: Truth, definitions: Definitions, found: Collection[FoundFact]) -> list[Event]:
    """Events that were accepted, and of the doubtful ones those that are found: a lost answer allows both."""
    told = [event for event in truth.told() if event.appid in definitions.accounts]
    heard = by_sameness([event for event in told if event.heard])
    known = {event.sameness for event in heard}
    doubtful = by_sameness([event for event in told if not event.heard and event.sameness not in known])
    if not doubtful:
        return heard
    surplus = Counter((fact.appid, fact.kind, fact.second) for fact in found)
    surplus.subtract(_coarse(heard, definitions))
    for event in doubtful:
        wanted = _coarse([event], definitions)
        if all(surplus[key] >= number for key, number in wanted.items()):
            surplus.subtract(wanted)
            heard.append(event)
    return sorted(heard, key=lambda event: event.number)


def _coarse(events: Iterable[Event], definitions: Definitions) -> Counter[tuple[str, str, int]]:
    return Counter((event.appid, fact.kind, fact.second) for event in events for fact in meaning(event, definitions))


def _person(contact: Contact, facts: list[Meant], definitions: Definitions, *, imported: bool) -> Person:
    account = definitions.accounts[contact[0]]
    turns = sorted((fact.second, fact.kind) for fact in facts if fact.kind in {"follower.followed", "follower.unfollowed"})
    if turns:
        state = "following" if turns[-1][1] == "follower.followed" else "gone"
    elif imported or any(_shows_following(fact.kind) for fact in facts):
        state = "following"
    else:
        state = "unknown"
    left = [second for second, kind in turns if kind == "follower.unfollowed"]
    erased_s = max(left, default=0) if account.erases else 0
    return Person(
        contact,
        digest(*contact),
        state,
        erased_s,
        [fact for fact in facts if fact.second > erased_s],
        gone_and_erased=state == "gone" and account.erases,
    )


def _shows_following(kind: str) -> bool:
    return kind not in _PASSIVE and not kind.startswith(_SAYS_NOTHING)


def _group(expected: Expected, truth: Truth, by_contact: dict[Contact, list[Meant]], definitions: Definitions) -> None:
    """Put followers of one person together where a consent stands, and set aside whom the log does not decide."""
    families: dict[tuple[str, str], list[Person]] = defaultdict(list)
    for person in expected.people.values():
        appid = person.contact[0]
        one = truth.group_of.get(appid, "") if definitions.accounts[appid].kind != "mini" else ""
        # A mini program tells a unionid only at a log-in, and a family without an Open Platform has none.
        families[truth.person_of[person.contact], one or appid].append(person)
    for family in families.values():
        said = [fact for person in family for fact in by_contact[person.contact] if is_consent(fact.kind)]
        solid = [person for person in family if not (person.gone_and_erased and not person.facts)]
        if said and len(family) > 1 and _undecided(family, said, expected):
            expected.unjudged |= {person.key for person in family}
        elif said and _consents(said):
            expected.groups.append(frozenset(person.key for person in solid))
        else:
            expected.groups.extend(frozenset({person.key}) for person in solid)
    expected.groups = [group for group in expected.groups if group]


def _undecided(family: list[Person], said: list[Meant], expected: Expected) -> bool:
    blanked = any(fact.second <= expected.people[digest(*fact.contact)].erased_s for fact in said)
    left = any(person.state != "following" and not person.gone_and_erased for person in family)
    return blanked or left


def _consents(said: list[Meant]) -> bool:
    """Whether the last word is a yes; in one second a no ends a yes."""
    last = max(said, key=lambda fact: (fact.second, fact.kind == "consent.revoked"))
    return last.kind == "consent.granted"
