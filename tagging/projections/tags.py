"""Facts become tags, in the transaction that records them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.core import kinds
from app.core.facts import Fact
from tagging.apply import apply_rules, standing
from tagging.custody import erase_follower, join_customers, split_customer
from tagging.evidence import gather, keep
from tagging.membership import give, removal_bars
from tagging.rulebook import RuleBook, read_book
from tagging.scans import find_channels
from tagging.windows import load_around, questions

_CUSTODY = {kinds.ERASED: erase_follower, kinds.JOINED: join_customers, kinds.SPLIT: split_customer}


class EveryKind(Collection[str]):
    """Any kind of fact: which ones matter is written in the rules, and rules change without a restart."""

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, str)

    def __iter__(self) -> Iterator[str]:
        return iter(("*",))

    def __len__(self) -> int:
        return 1


class Tags:
    name = "tags"
    order = 30
    listens: Collection[str] = EveryKind()

    def act(self, session: Session, facts: Sequence[Fact], *, now: datetime) -> None:
        """Apply the rules to new facts. `record` has locked their customers, so that counts and exclusive groups are settled one at a time."""
        book = read_book(session)
        _observe(session, [fact for fact in facts if fact.customer_id is not None and fact.kind not in _CUSTODY], book=book, now=now)
        for fact in facts:
            if fact.kind in _CUSTODY:
                _CUSTODY[fact.kind](session, fact, book=book, now=now)


def _observe(session: Session, facts: Sequence[Fact], *, book: RuleBook, now: datetime) -> None:
    channels = find_channels(session, facts)
    around = load_around(session, questions(facts, book.rules))
    pieces = apply_rules(book, facts, channels=channels, around=around, new_keys={fact.key for fact in facts})
    if not pieces:
        return
    bars = removal_bars(session, {piece.customer_id for piece in pieces}, book=book)
    kept = gather(standing(pieces, book=book, bars=bars))
    keep(session, kept)
    give(session, kept, book=book, now=now)


plugin = Tags()
