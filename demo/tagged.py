"""Which tags a customer must have: the rules of the database applied to the facts of the log."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from demo.found import Channel, Definitions, TagRule
from demo.meaning import Meant

_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Piece:
    """One reason for a tag."""

    tag: str
    second: int
    rank: tuple[int, str]
    """Of two tags of an exclusive group in one second the lower rank wins."""
    until: float


def channel_of(fact: Meant, channels: Iterable[Channel]) -> Channel | None:
    """The channel behind a scan: of those that ever had the scene the newest made before it, else the first."""
    held = sorted(
        (each for each in channels if each.account_id == fact.account.id and each.scene == fact.data.get("scene")),
        key=lambda each: each.created_at,
    )
    before = [each for each in held if each.created_at <= fact.second]
    return before[-1] if before else held[0] if held else None


def tags_of(facts: Sequence[Meant], definitions: Definitions, *, now: float) -> set[str]:
    """The tags of one customer from all facts that stand."""
    pieces = [piece for piece in _pieces(facts, definitions) if piece.until > now]
    tags: set[str] = set()
    rivals: dict[str, list[Piece]] = {}
    for piece in pieces:
        group = definitions.exclusive.get(piece.tag)
        if group is None:
            tags.add(piece.tag)
        else:
            rivals.setdefault(group, []).append(piece)
    return tags | {min(held, key=lambda piece: (-piece.second, piece.rank)).tag for held in rivals.values()}


def _pieces(facts: Sequence[Meant], definitions: Definitions) -> Iterator[Piece]:
    for place, rule in enumerate(definitions.tag_rules):
        mine = [fact for fact in facts if rule.account_id in (None, fact.account.id)]
        for fact in _speaking(rule, mine, definitions.channels):
            until = _NEVER if rule.expires_after_s is None else fact.second + rule.expires_after_s
            yield Piece(rule.tag, fact.second, (place, ""), until)
    after = len(definitions.tag_rules)
    for fact in facts:
        channel = channel_of(fact, definitions.channels) if fact.kind == "qr.scanned" else None
        if channel is not None:
            source = f"channel:{channel.id}"
            for tag in channel.tags:
                yield Piece(tag, fact.second, (after + len(source), source), _NEVER)


def _speaking(rule: TagRule, facts: list[Meant], channels: Iterable[Channel]) -> Iterator[Meant]:
    """The facts that speak for a rule's tag. Raises ValueError on a kind of rule that this program does not know."""
    params = rule.params
    if rule.kind == "count_in_window":
        yield from _counted(params, facts)
        return
    tests = {
        "menu_key": lambda fact: fact.kind in {"menu.clicked", "menu.used"} and fact.data.get("key") in params["keys"],
        "keyword": lambda fact: fact.kind == "keyword.matched" and fact.data.get("keyword") in params["keywords"],
        "event": lambda fact: fact.kind == params["kind"] and has(fact.data, params.get("match")),
        "channel": lambda fact: _scanned(params, fact, channels),
        "card": lambda fact: (
            fact.kind in {f"card.{deed}" for deed in params["deeds"]}
            and (not params["card_ids"] or fact.data.get("card_id") in params["card_ids"])
        ),
    }
    if rule.kind not in tests:
        message = f"the comparison does not know the tag rule {rule.kind!r}"
        raise ValueError(message)
    yield from filter(tests[rule.kind], facts)


def _scanned(params: dict[str, Any], fact: Meant, channels: Iterable[Channel]) -> bool:
    if fact.kind != "qr.scanned" or (params.get("follow_only") and fact.data.get("following")):
        return False
    channel = channel_of(fact, channels)
    return channel is not None and (not params["channels"] or channel.public_id in params["channels"])


def _counted(params: dict[str, Any], facts: list[Meant]) -> Iterator[Meant]:
    counted = [fact for fact in facts if fact.kind == params["kind"] and has(fact.data, params.get("match"))]
    for fact in counted:
        within = [each for each in counted if fact.second - params["within_s"] < each.second <= fact.second]
        if len(within) >= params["at_least"]:
            yield fact


def has(data: dict[str, Any], match: dict[str, Any] | None) -> bool:
    """Whether every named field has exactly this value."""
    return all(
        data.get(name) == wanted and isinstance(data.get(name), bool) == isinstance(wanted, bool) for name, wanted in (match or {}).items()
    )
