"""Changing the reply rules: every change is checked, audited and heard by every process within a second."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import Account, AuditEntry
from app.core.unit import after_commit
from handlers.matching import MAX_PATTERN, check_pattern
from handlers.models import Match, Records, ReplyRule, Trigger
from handlers.replies import parse_reply
from handlers.rulebook import bump

if TYPE_CHECKING:
    from app.core.house import House

# Every text is held against every contained and regular pattern, so their number is bounded.
MAX_RULES = 2000


class RuleWish(BaseModel):
    """A rule as somebody wants it: bounded, and consistent in itself once `checked`."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    trigger: Trigger
    match: Match = Match.EXACT
    pattern: Annotated[str, Field(max_length=MAX_PATTERN)] = ""
    reply: dict[str, Any] | None = None
    records: Records | None = None
    consent_version: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    enabled: bool = True
    account_id: int | None = None

    def checked(self) -> "RuleWish":
        """The wish in the form it is stored. Raises BadRequestError."""
        if self.trigger in (Trigger.FOLLOW, Trigger.DEFAULT):
            if self.pattern:
                raise BadRequestError(f"a rule for {self.trigger} has no pattern", code="bad_pattern")
            pattern = ""
        elif self.trigger is Trigger.SCAN and not self.pattern:
            pattern = ""
        else:
            pattern = check_pattern(self.pattern, self.match)
        if self.reply is None and self.records is None:
            raise BadRequestError("a rule replies, records a consent, or both", code="bad_rule")
        if (self.records is None) != (self.consent_version is None):
            raise BadRequestError("records and consent_version go together", code="bad_rule")
        reply = None if self.reply is None else dict(parse_reply(self.reply).data)
        return self.model_copy(update={"pattern": pattern, "reply": reply, "name": self.name.strip()})


def add_rule(session: Session, wish: RuleWish | Mapping[str, Any], *, house: "House", actor: str) -> ReplyRule:
    """Add a rule. Raises BadRequestError, ConflictError when the name is taken or there are too many, NotFoundError without the account."""
    checked = _wish(wish).checked()
    if (session.scalar(select(func.count()).select_from(ReplyRule)) or 0) >= MAX_RULES:
        raise ConflictError(f"there are {MAX_RULES} rules already", code="too_many_rules")
    _check_place(session, checked)
    now = house.clock.now()
    row = ReplyRule(**checked.model_dump(), created_at=now, changed_at=now)
    session.add(row)
    session.flush()
    _audit(session, row, "rule.added", {"after": checked.model_dump(mode="json")}, house=house, actor=actor)
    return row


def change_rule(session: Session, public_id: UUID, changes: Mapping[str, Any], *, house: "House", actor: str) -> ReplyRule:
    """Change fields of a rule. Raises as `add_rule` does, and NotFoundError without the rule."""
    row = _rule(session, public_id)
    before = _shown(row)
    checked = _wish({**before, **changes}).checked()
    _check_place(session, checked, besides=row.id)
    for name, value in checked.model_dump().items():
        setattr(row, name, value)
    row.changed_at = house.clock.now()
    session.flush()
    after = checked.model_dump(mode="json")
    changed = {name: {"before": before[name], "after": after[name]} for name in after if after[name] != before[name]}
    _audit(session, row, "rule.changed", changed, house=house, actor=actor)
    return row


def remove_rule(session: Session, public_id: UUID, *, house: "House", actor: str) -> None:
    """Remove a rule. Raises NotFoundError."""
    row = _rule(session, public_id)
    _audit(session, row, "rule.removed", {"before": _shown(row)}, house=house, actor=actor)
    session.delete(row)
    session.flush()


def list_rules(session: Session, *, account_id: int | None = None) -> list[ReplyRule]:
    """The rules in the order in which they are tried; of one account with those of all accounts when it is given."""
    query = select(ReplyRule).order_by(ReplyRule.trigger, ReplyRule.priority, ReplyRule.account_id.nulls_last(), ReplyRule.id)
    if account_id is not None:
        query = query.where(or_(ReplyRule.account_id == account_id, ReplyRule.account_id.is_(None)))
    return list(session.scalars(query))


def _wish(given: RuleWish | Mapping[str, Any]) -> RuleWish:
    if isinstance(given, RuleWish):
        return given
    try:
        return RuleWish.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadRequestError(f"the rule's {place}: {first['msg']}", code="bad_rule") from error


def _check_place(session: Session, wish: RuleWish, *, besides: int = 0) -> None:
    if wish.account_id is not None and session.get(Account, wish.account_id) is None:
        raise NotFoundError("there is no such account", code="unknown_account")
    if session.scalar(select(ReplyRule.id).where(ReplyRule.name == wish.name, ReplyRule.id != besides)) is not None:
        raise ConflictError(f"there is a rule called {wish.name!r} already", code="rule_known")


def _rule(session: Session, public_id: UUID) -> ReplyRule:
    row = session.scalar(select(ReplyRule).where(ReplyRule.public_id == public_id).with_for_update())
    if row is None:
        raise NotFoundError("there is no such rule", code="unknown_rule")
    return row


def _shown(row: ReplyRule) -> dict[str, Any]:
    return {name: getattr(row, name) for name in RuleWish.model_fields}


def _audit(session: Session, row: ReplyRule, action: str, detail: dict[str, Any], *, house: "House", actor: str) -> None:
    session.add(
        AuditEntry(at=house.clock.now(), actor=actor, action=action, object_type="reply_rule", object_id=str(row.public_id), detail=detail)
    )
    after_commit(session, partial(bump, house.redis, house.settings.redis_prefix))
