"""How rules and conditions name a tag, a channel or an account: by public id or name, looked up in the same statement."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFoundError
from app.core.nouns import Account
from tagging.models import Channel, Tag

TagName = Annotated[
    UUID | Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)], Field(union_mode="left_to_right")
]
"""A tag by public id, or by its name."""


def tag_ref(tag: UUID | str) -> Any:
    """The tag's id as a scalar of the statement."""
    found = select(Tag.id).where(Tag.public_id == tag if isinstance(tag, UUID) else Tag.name == tag)
    return found.scalar_subquery()


def channel_ref(channel: UUID) -> Any:
    """The channel's id as a scalar of the statement."""
    return select(Channel.id).where(Channel.public_id == channel).scalar_subquery()


def account_ref(appid: str) -> Any:
    """The account's id as a scalar of the statement."""
    return select(Account.id).where(Account.appid == appid).scalar_subquery()


def must_exist(session: Session, ref: Any, named: str) -> None:
    """Raise NotFoundError unless the reference leads somewhere."""
    if session.scalar(select(ref)) is None:
        raise NotFoundError(f"there is no {named}", code="no_such_reference")
