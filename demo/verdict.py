"""The comparison itself: what the log demands beside what the database holds, row by row, with what is lost and what is doubled."""

import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from demo.audience import Customer, belongs, customers_of, reachable
from demo.expected import Expected, Group, expect, found_key
from demo.found import Definitions, Found, digest
from demo.tagged import channel_of
from demo.truth import Message, Truth


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    part: str
    zh: str
    en: str
    truth: int
    fanka: int
    lost: int
    doubled: int


@dataclass(slots=True)
class Verdict:
    """All rows, and what else is worth knowing."""

    rows: list[Row] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return sum(row.lost for row in self.rows)

    @property
    def doubled(self) -> int:
        return sum(row.doubled for row in self.rows)

    @property
    def clean(self) -> bool:
        """Nothing is lost, nothing is doubled, and no answer of ours was unreadable."""
        return not (self.lost or self.doubled or self.notes.get("garbage_replies") or self.notes.get("dead_letters"))

    def document(self) -> dict[str, Any]:
        """Every figure, for the last line."""
        parts: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
        for row in self.rows:
            kept = asdict(row)
            parts[row.part][row.en] = {name: kept[name] for name in ("truth", "fanka", "lost", "doubled")}
        return {"ok": self.clean, "lost": self.lost, "doubled": self.doubled, **self.notes, **parts}

    def add(self, part: str, zh: str, en: str, wanted: Counter[Any], held: Counter[Any]) -> None:
        """A row over things that can each be told apart."""
        lost, doubled = (wanted - held).total(), (held - wanted).total()
        self.rows.append(Row(part, zh, en, wanted.total(), held.total(), lost, doubled))


def judge(truth: Truth, definitions: Definitions, found: Found) -> Verdict:
    """Compare everything. Raises ValueError on rules and conditions that this program does not know."""
    verdict = Verdict()
    expected = expect(truth, definitions, found.facts)
    verdict.add("events", "已接收", "accepted", Counter(events=expected.inbound), Counter(events=found.inbound))
    _facts(verdict, expected, found)
    _followers(verdict, expected, found)
    customers = customers_of(expected, definitions, now=time.time())
    held = _held_groups(expected, found)
    verdict.add("customers", "合并后", "once joined", Counter(expected.groups), Counter(group for group in held if group))
    _tags(verdict, definitions, customers, held, found)
    _channels(verdict, definitions, expected, found)
    if found.broadcast is not None:
        _broadcast(verdict, definitions, customers, found, held, truth=truth, unjudged=expected.unjudged)
    verdict.notes |= {
        "people": truth.people,
        "callbacks": truth.callbacks,
        "garbage_replies": truth.garbage,
        "dead_letters": found.dead,
        "joined_customers": sum(len(group) > 1 for group in expected.groups),
        "unjudged_followers": len(expected.unjudged),
        "facts": sum(expected.facts.values()),
        "template_messages": len(truth.messages),
    }
    return verdict


def _facts(verdict: Verdict, expected: Expected, found: Found) -> None:
    held = Counter(found_key(fact) for fact in found.facts)
    kinds = sorted({key[2] for key in expected.facts} | {key[2] for key in held})
    for kind in kinds:
        verdict.add("facts_by_kind", "", kind, _only(expected.facts, kind), _only(held, kind))


def _only(facts: Counter[Any], kind: str) -> Counter[Any]:
    return Counter({key: number for key, number in facts.items() if key[2] == kind})


def _followers(verdict: Verdict, expected: Expected, found: Found) -> None:
    words = {"following": ("关注中", "following"), "gone": ("已取关", "un-followed"), "unknown": ("只用过小程序", "mini program only")}
    for state, (zh, en) in words.items():
        wanted = Counter(person.key for person in expected.people.values() if person.state == state)
        held = Counter(key for key, (_, its, _) in found.followers.items() if its == state)
        if wanted or held:
            verdict.add("followers", zh, en, wanted, held)


def _held_groups(expected: Expected, found: Found) -> dict[Group, int]:
    """The database's customers as groups of followers, those left out whom the log does not decide, with the row of each."""
    rows: dict[int, set[str]] = defaultdict(set)
    unjudged: set[int] = set()
    for key, (_, _, customer) in found.followers.items():
        person = expected.people.get(key)
        if key in expected.unjudged:
            unjudged.add(customer)
        if person is None or not (person.gone_and_erased and not person.facts):
            rows[customer].add(key)
    return {frozenset(keys): customer for customer, keys in rows.items() if customer not in unjudged}


def _tags(verdict: Verdict, definitions: Definitions, customers: dict[Group, Customer], held: dict[Group, int], found: Found) -> None:
    unjudged = {customer for _, _, customer in found.followers.values()} - set(held.values())
    group_of = {customer: group for group, customer in held.items()}
    # A tag of a customer whom nobody stands for is a tag that nobody should have.
    nobody = _nobody(found, held)
    for name in sorted(set(definitions.tag_names.values())):
        wanted = Counter(group for group, customer in customers.items() if name in customer.tags)
        having = [customer for customer, tags in found.tags.items() if name in tags and (customer not in unjudged or customer in nobody)]
        verdict.add("tags", "", name, wanted, Counter(group_of.get(customer, customer) for customer in having))


def _nobody(found: Found, held: dict[Group, int]) -> set[int]:
    standing = {customer for _, _, customer in found.followers.values()}
    return (set(found.tags) - standing) | (set(found.tags) & {held[group] for group in held if not group})


def _channels(verdict: Verdict, definitions: Definitions, expected: Expected, found: Found) -> None:
    scans: Counter[int] = Counter()
    follows: Counter[int] = Counter()
    for fact in expected.scans:
        channel = channel_of(fact, definitions.channels)
        if channel is not None:
            scans[channel.id] += 1
            follows[channel.id] += fact.data["following"] is False
    for channel in sorted(definitions.channels, key=lambda each: each.name):
        held = found.channels.get(channel.id, (0, 0))
        verdict.add(
            "channels",
            "",
            channel.name,
            Counter(scans=scans[channel.id], follows=follows[channel.id]),
            Counter(scans=held[0], follows=held[1]),
        )


def _broadcast(
    verdict: Verdict,
    definitions: Definitions,
    customers: dict[Group, Customer],
    found: Found,
    held: dict[Group, int],
    *,
    truth: Truth,
    unjudged: set[str],
) -> None:
    broadcast = found.broadcast
    assert broadcast is not None
    at = broadcast.frozen_at or time.time()
    members = [customer for customer in customers.values() if belongs(customer, broadcast.segment, definitions, at=at)]
    group_of = {customer: group for group, customer in held.items()}
    judged: Counter[Hashable] = Counter()
    for row, number in found.members.items():
        group = group_of.get(row)
        if group is not None or row not in {customer for _, _, customer in found.followers.values()}:
            judged[group if group is not None else row] += number
    verdict.add("segment", "人数", "size", Counter(member.group for member in members), judged)
    judged_messages = [each for each in truth.messages if digest(each.appid, each.openid) not in unjudged]
    _messages(verdict, members, broadcast.templates, held, messages=judged_messages)
    _receipts(verdict, truth, found)


def _messages(
    verdict: Verdict, members: Iterable[Customer], templates: dict[str, str], held: dict[Group, int], *, messages: list[Message]
) -> None:
    """One message a customer, on one of his accounts: the one for a joined person, one an account for everybody else."""
    owner: dict[str, Group] = {key: group for group in held for key in group}
    reached: dict[bool, Counter[Hashable]] = {True: Counter(), False: Counter()}
    wanted: dict[bool, Counter[Hashable]] = {True: Counter(), False: Counter()}
    allowed: set[str] = set()
    joined = {group for group in held if len(group) > 1}
    for member in members:
        contacts = reachable(member, templates)
        if contacts:
            wanted[len(member.group) > 1][member.group] += 1
            allowed |= {digest(*contact) for contact in contacts}
            joined |= {member.group} if len(member.group) > 1 else set()
            owner |= dict.fromkeys(member.group, member.group)
    for message in messages:
        if message.template_id == templates.get(message.appid):
            key = digest(message.appid, message.openid)
            group = owner.get(key)
            reached[group in joined][group if key in allowed else key] += 1
    verdict.add("messages", "已同意合并的人, 每人一条", "one a person with consent", wanted[True], reached[True])
    verdict.add("messages", "其他人, 每账号一条", "one an account otherwise", wanted[False], reached[False])


def _receipts(verdict: Verdict, truth: Truth, found: Found) -> None:
    words = {"success": "delivered", "failed:user block": "blocked", None: "sent"}
    templates = found.broadcast.templates if found.broadcast is not None else {}
    wanted: dict[str, Counter[str]] = defaultdict(Counter)
    for message in truth.messages:
        if message.template_id == templates.get(message.appid):
            wanted[words.get(truth.receipts.get(message.msgid), "failed")][message.msgid] += 1
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for msgid, states in found.deliveries.items():
        for state in states:
            held[state][msgid] += 1
    shown = {"delivered": "已送达", "blocked": "被屏蔽", "failed": "失败", "sent": "未有回执"}
    for state in [*shown, *sorted(set(held) - set(shown))]:
        if wanted[state] or held[state]:
            verdict.add("deliveries", shown.get(state, state), state, wanted[state], held[state])
    if found.unsent:
        verdict.rows.append(Row("deliveries", "没有结果", "without a result", 0, found.unsent, 0, found.unsent))
