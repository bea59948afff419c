"""What a channel stands for: a store, promoter, guide or poster says so in the first word of its scene, every other is just a channel."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_

from tagging.models import Channel

PLAIN = "channel"
NAMED = ("store", "promoter", "guide", "poster")
"""`store:NJX` is the code of a store. The word travels with every scan, and with a code that a later channel takes over."""
KINDS = (PLAIN, *NAMED)


def kind_of(scene: str) -> str:
    """The kind a scene speaks of."""
    word, colon, _ = scene.partition(":")
    return word if colon and word in NAMED else PLAIN


def scene_of(kind: str, rest: str) -> str:
    """A scene of a kind."""
    return rest if kind == PLAIN else f"{kind}:{rest}"


def of_kinds(kinds: Collection[str]) -> ColumnElement[bool]:
    """The condition for channels of any of these kinds."""
    parts = [_plain() if kind == PLAIN else Channel.scene.startswith(f"{kind}:", autoescape=True) for kind in kinds]
    return or_(*parts)


def _plain() -> ColumnElement[bool]:
    return and_(*(~Channel.scene.startswith(f"{kind}:", autoescape=True) for kind in NAMED))
