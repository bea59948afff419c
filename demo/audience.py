"""Who belongs to a segment and who must get the message: the tree in the database applied to customers of the log."""

from dataclasses import dataclass
from typing import Any

from demo.expected import Contact, Expected, Group
from demo.found import Definitions
from demo.meaning import Meant
from demo.tagged import channel_of, has, tags_of

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer with everything a segment may ask about."""

    group: Group
    tags: frozenset[str]
    following: frozenset[Contact]
    facts: tuple[Meant, ...]


def customers_of(expected: Expected, definitions: Definitions, *, now: float) -> dict[Group, Customer]:
    """Every customer whom the log decides, by his followers."""
    found = {}
    for group in expected.groups:
        people = [expected.people[key] for key in group]
        facts = tuple(fact for person in people for fact in person.facts)
        following = frozenset(person.contact for person in people if person.state == "following")
        found[group] = Customer(group, frozenset(tags_of(facts, definitions, now=now)), following, facts)
    return found


def belongs(customer: Customer, tree: Tree, definitions: Definitions, *, at: float) -> bool:
    """Whether a customer is in a segment. Raises ValueError on a condition that this program does not know."""
    if "all" in tree:
        return all(belongs(customer, child, definitions, at=at) for child in tree["all"])
    if "any" in tree:
        return any(belongs(customer, child, definitions, at=at) for child in tree["any"])
    if "not" in tree:
        return not belongs(customer, tree["not"], definitions, at=at)
    return _holds(customer, tree, definitions, at=at)


def _holds(customer: Customer, leaf: Tree, definitions: Definitions, *, at: float) -> bool:
    kind = leaf["kind"]
    if kind == "tag":
        return definitions.tag_names.get(leaf["tag"]) in customer.tags
    if kind == "follows_account":
        return any(appid == leaf["account"] for appid, _ in customer.following)
    if kind == "channel":
        return _came_through(customer, leaf, definitions)
    if kind == "event_count":
        return _did(customer, leaf, at=at) >= int(leaf.get("at_least", 1))
    message = f"the comparison does not know the condition {kind!r}"
    raise ValueError(message)


def reachable(customer: Customer, templates: dict[str, str]) -> frozenset[Contact]:
    """On which of his accounts the broadcast can reach a customer."""
    return frozenset(contact for contact in customer.following if contact[0] in templates)


def _came_through(customer: Customer, tree: Tree, definitions: Definitions) -> bool:
    scans = sorted((fact for fact in customer.facts if fact.kind == "qr.scanned"), key=lambda fact: (fact.second, fact.event.number))
    came: dict[Contact, list[str]] = {}
    for fact in scans:
        channel = channel_of(fact, definitions.channels)
        if channel is not None:
            came.setdefault(fact.contact, []).append(channel.public_id)
    touch = tree.get("touch", "any")
    if touch == "any":
        return any(tree["channel"] in channels for channels in came.values())
    place = 0 if touch == "first" else -1
    return any(channels[place] == tree["channel"] for channels in came.values())


def _did(customer: Customer, tree: Tree, *, at: float) -> int:
    since = at - tree["within_s"] if tree.get("within_s") is not None else float("-inf")
    return sum(
        fact.kind == tree["fact"]
        and since < fact.second <= at
        and has(fact.data, tree.get("match"))
        and tree.get("account") in (None, fact.account.appid)
        for fact in customer.facts
    )
