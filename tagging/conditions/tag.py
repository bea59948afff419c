"""Has a tag now: 有标签."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from tagging.condition import Condition, ConditionParams
from tagging.models import CustomerTag
from tagging.references import TagName, must_exist, tag_ref


class TagParams(ConditionParams):
    tag: TagName
    """Public id or name."""


class HasTag(Condition):
    name = "tag"
    title = "有标签 · has the tag"
    params = TagParams
    settled = True
    """Erasing and joining take tags away, so nobody erased or joined has one."""

    def compile(self, params: TagParams, *, now: datetime) -> Select[Any]:
        # The expiry stands in the index beside the ids, so this never visits the table.
        alive = or_(CustomerTag.expires_at.is_(None), CustomerTag.expires_at > now)
        return select(CustomerTag.customer_id).where(CustomerTag.tag_id == tag_ref(params.tag), alive)

    def verify(self, session: Session, params: TagParams) -> None:
        must_exist(session, tag_ref(params.tag), f"tag {_shown(params.tag)}")

    def explain(self, session: Session, params: TagParams, customer_id: int, *, now: datetime) -> str:
        held = session.execute(
            select(CustomerTag.expires_at).where(CustomerTag.tag_id == tag_ref(params.tag), CustomerTag.customer_id == customer_id)
        ).one_or_none()
        if held is None:
            return f"no tag {_shown(params.tag)}"
        if held.expires_at is None:
            return f"has the tag {_shown(params.tag)} for good"
        word = "until" if held.expires_at > now else "had the tag, expired at"
        return f"{_shown(params.tag)}: {word} {held.expires_at:%Y-%m-%d %H:%M:%S}Z"


def _shown(tag: UUID | str) -> str:
    return repr(tag) if isinstance(tag, str) else str(tag)


plugin = HasTag()
