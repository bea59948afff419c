"""Earning rules as they are written and read: a rule is its name, what it says stands in dated versions that nobody rewrites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.clock import whole_second
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.log import get_logger
from app.core.registry import discover
from cards.caps import Cap, Span
from cards.models.earning import EarningGroup, EarningRule, EarningVersion
from cards.occasion import EarningKind, Params

log = get_logger(__name__)
Pick = Literal["first", "best", "all"]
MOST_RULES = 200
_CAPS = TypeAdapter(list[Cap])
MOST_CAPS = 8
_ABOUT_ORDERS = frozenset({"spend", "first_purchase"})


@dataclass(frozen=True, slots=True)
class LiveRule:
    """One version of a rule, ready to award."""

    rule_id: int
    public_id: UUID
    version_id: int
    name: str
    kind: EarningKind
    params: Params
    caps: tuple[Cap, ...]
    group: tuple[int, str] | None
    """The group's id and what it picks."""
    priority: int
    unit_id: int | None


@cache
def earning_kinds() -> dict[str, EarningKind]:
    """Every kind of earning rule by name."""
    return {kind.name: kind for kind in discover("cards.earning")}


def rules_at(session: Session, *, programme_id: int, at: datetime, hears: str | None = None) -> list[LiveRule]:
    """The versions in force at a moment (UTC), lowest priority number first; those that hear a kind of fact when one is given."""
    query = (
        select(EarningRule, EarningVersion, EarningGroup)
        .join(EarningVersion, EarningVersion.rule_id == EarningRule.id)
        .outerjoin(EarningGroup, EarningGroup.id == EarningRule.group_id)
        .where(EarningRule.programme_id == programme_id, EarningVersion.valid_from <= at)
        .where(or_(EarningVersion.valid_to.is_(None), EarningVersion.valid_to > at))
        .order_by(EarningRule.priority, EarningRule.id)
    )
    found = []
    for rule, version, group in session.execute(query):
        checked = _checked(rule.kind, orjson.dumps(version.params), orjson.dumps(version.caps))
        if checked is None:
            log.error("earning_rule_unreadable", rule=str(rule.public_id), version=version.number)
            continue
        kind, params, caps = checked
        if hears is None or hears in kind.listens(params):
            competes = None if group is None else (group.id, group.pick)
            found.append(
                LiveRule(rule.id, rule.public_id, version.id, rule.name, kind, params, caps, competes, rule.priority, rule.business_unit_id)
            )
    return found


def heard_kinds(session: Session) -> set[str]:
    """Every kind of fact that some version of some rule hears."""
    found: set[str] = set()
    rows = session.execute(select(EarningRule.kind, EarningVersion.params).join(EarningVersion, EarningVersion.rule_id == EarningRule.id))
    for kind, params in rows:
        checked = _checked(kind, orjson.dumps(params), b"[]")
        if checked is not None:
            found |= set(checked[0].listens(checked[1]))
    return found


def define_rule(
    session: Session,
    *,
    programme_id: int,
    name: str,
    kind: str,
    params: Mapping[str, Any],
    now: datetime,
    actor: str,
    caps: Sequence[Mapping[str, Any]] = (),
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    group: str | None = None,
    priority: int = 100,
    unit_id: int | None = None,
) -> EarningVersion:
    """Write a rule, or the next version of one, which ends the version before it. Moments are UTC; a first version may begin in the past.

    `unit_id` owes the points of a rule that is not about orders.

    Raises BadRequestError for what cannot be, ConflictError when history would be rewritten.
    """
    begins = valid_from or now
    _check_name(name)
    if kind not in earning_kinds():
        raise BadRequestError(f"kind 须为 {'、'.join(earning_kinds())} / kind is one of {', '.join(earning_kinds())}", code="bad_kind")
    if valid_to is not None and valid_to <= begins:
        raise BadRequestError("结束须晚于开始 / a version ends after it begins", code="bad_dates")
    said, capped = _read(kind, params, caps)
    if unit_id is None and kind not in _ABOUT_ORDERS:
        raise BadRequestError("须指明由哪个事业部承担积分 / say which unit owes these points", code="no_unit")
    rule = session.scalar(select(EarningRule).where(EarningRule.programme_id == programme_id, EarningRule.name == name).with_for_update())
    if rule is None:
        count = len(session.scalars(select(EarningRule.id).where(EarningRule.programme_id == programme_id)).all())
        if count >= MOST_RULES:
            raise ConflictError(f"规则最多 {MOST_RULES} 条 / there are at most {MOST_RULES} rules", code="too_many_rules")
        rule = EarningRule(programme_id=programme_id, name=name, kind=kind, priority=priority)
        session.add(rule)
        # Tills tell whole seconds: what is bought in the second in which a first rule is written earns by it.
        begins = valid_from or whole_second(now)
    elif rule.kind != kind:
        raise ConflictError(f"规则 {name} 的类型是 {rule.kind} / the rule {name} is of kind {rule.kind}", code="other_kind")
    rule.priority, rule.business_unit_id = priority, unit_id
    rule.group_id = None if group is None else _group_id(session, programme_id, group)
    session.flush()
    number = _close_last(session, rule, begins=begins, now=now)
    version = EarningVersion(rule_id=rule.id, number=number, valid_from=begins, valid_to=valid_to, params=said, caps=capped)
    session.add(version)
    session.flush()
    detail = {"name": name, "version": number, "from": begins.isoformat(), "to": valid_to and valid_to.isoformat()}
    note(session, at=now, actor=actor, action="earning.defined", object_type="earning_rule", object_id=rule.public_id, detail=detail)
    return version


def end_rule(session: Session, *, programme_id: int, name: str, at: datetime, now: datetime, actor: str) -> None:
    """Let a rule rest from a moment on. Raises NotFoundError, ConflictError for a moment that is over."""
    rule = session.scalar(select(EarningRule).where(EarningRule.programme_id == programme_id, EarningRule.name == name).with_for_update())
    if rule is None:
        raise NotFoundError(f"没有规则 {name} / there is no rule {name}", code="no_rule")
    if at < now:
        raise ConflictError("不能改写过去 / the past is not rewritten", code="past_version")
    last = session.scalar(select(EarningVersion).where(EarningVersion.rule_id == rule.id).order_by(EarningVersion.number.desc()).limit(1))
    if last is None or last.valid_from >= at or (last.valid_to is not None and last.valid_to <= at):
        raise ConflictError(f"规则 {name} 届时已停用 / the rule {name} rests by then", code="rule_rests")
    last.valid_to = at
    note(
        session,
        at=now,
        actor=actor,
        action="earning.ended",
        object_type="earning_rule",
        object_id=rule.public_id,
        detail={"name": name, "at": at.isoformat()},
    )


def define_group(session: Session, *, programme_id: int, name: str, pick: Pick, actor: str, now: datetime) -> EarningGroup:
    """Name a group of rules that compete, or change what it picks."""
    _check_name(name[:33])
    group = session.scalar(select(EarningGroup).where(EarningGroup.programme_id == programme_id, EarningGroup.name == name))
    if group is None:
        group = EarningGroup(programme_id=programme_id, name=name, pick=pick)
        session.add(group)
    group.pick = pick
    session.flush()
    detail = {"name": name, "pick": pick}
    note(session, at=now, actor=actor, action="earning_group.set", object_type="programme", object_id=programme_id, detail=detail)
    return group


def _close_last(session: Session, rule: EarningRule, *, begins: datetime, now: datetime) -> int:
    """End the version before a new one, and say the new one's number."""
    last = session.scalar(select(EarningVersion).where(EarningVersion.rule_id == rule.id).order_by(EarningVersion.number.desc()).limit(1))
    if last is None:
        return 1
    if begins < now or begins <= last.valid_from:
        raise ConflictError("新版本只能从现在或以后开始 / a new version begins now or later", code="past_version")
    if last.valid_to is None or last.valid_to > begins:
        last.valid_to = begins
        session.flush()
    return last.number + 1


def _group_id(session: Session, programme_id: int, name: str) -> int:
    group_id = session.scalar(select(EarningGroup.id).where(EarningGroup.programme_id == programme_id, EarningGroup.name == name))
    if group_id is None:
        raise NotFoundError(f"没有规则组 {name} / there is no group {name}", code="no_group")
    return group_id


def _check_name(name: str) -> None:
    if not 1 <= len(name.strip()) <= 64 or name != name.strip() or not name.isprintable():
        raise BadRequestError("名称须为 1 到 64 个字 / a name has 1 to 64 characters", code="bad_name")


def _read(kind: str, params: Mapping[str, Any], caps: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Parameters and caps through their schemas, in the form they are stored."""
    try:
        said = earning_kinds()[kind].params.model_validate(dict(params)).model_dump(mode="json")
        capped = [cap.model_dump(mode="json") for cap in _CAPS.validate_python(list(caps))]
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or kind
        raise BadRequestError(f"参数有误 {place}: {first['msg']} / bad parameter {place}: {first['msg']}", code="bad_params") from error
    if len(capped) > MOST_CAPS:
        raise BadRequestError(f"上限最多 {MOST_CAPS} 条 / a rule has at most {MOST_CAPS} caps", code="bad_params")
    return said, capped


_ONCE: Mapping[str, Span] = {"ever": "ever", "year": "year", "day": "day"}


@lru_cache(maxsize=1024)
def _checked(kind: str, params: bytes, caps: bytes) -> tuple[EarningKind, Params, tuple[Cap, ...]] | None:
    """A version through its schemas, once per process and content. A kind that is given once brings that cap with it."""
    plugin = earning_kinds().get(kind)
    if plugin is None:
        return None
    try:
        said = plugin.params.model_validate(orjson.loads(params))
        capped = _CAPS.validate_python(orjson.loads(caps))
    except ValidationError:
        return None
    if plugin.once:
        capped.append(Cap(span=_ONCE[plugin.once], times=1))
    return plugin, said, tuple(capped)
