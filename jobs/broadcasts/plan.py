"""Planning a broadcast: written once, mapped to each account's template, checked, and stored under the planner's own key."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.accounts import OpenAccount
from app.core.errors import BadRequestError, ConflictError
from app.core.ids import new_public_id
from app.core.nouns import AuditEntry
from jobs.broadcasts.audience import check_segment
from jobs.broadcasts.carrier import Carrier, Mapped, TemplateLike, carrier_called
from jobs.broadcasts.quiet import minute_of
from jobs.models import Broadcast, BroadcastAccount, Purpose

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
Value = Annotated[str, Field(max_length=256)]
MAX_ACCOUNTS = 50
GRACE_S = 3600


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MiniProgram(_Part):
    """Where a tap leads in a mini program."""

    appid: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{3,32}$")]
    pagepath: Annotated[str, Field(max_length=512)] = ""


class AccountPlan(_Part):
    """One account's part: its template and which public field fills which template field."""

    appid: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{3,32}$")]
    template_id: Word
    fields: Annotated[dict[Word, Word], Field(min_length=1, max_length=20)]
    url: Annotated[str, Field(max_length=1024, pattern=r"^https?://[^\s]+$")] | None = None
    miniprogram: MiniProgram | None = None

    def mapped(self) -> Mapped:
        link: dict[str, Any] = {} if self.url is None else {"url": self.url}
        if self.miniprogram is not None:
            link["miniprogram"] = self.miniprogram.model_dump()
        return Mapped(self.template_id, self.fields, link)


class BroadcastPlan(_Part):
    """What a marketer plans. `content` is written once in public fields; each account maps them to its own template."""

    key: Word
    name: Annotated[str, Field(min_length=1, max_length=64)]
    purpose: Purpose
    carrier: Word = "template"
    segment: dict[str, Any]
    content: Annotated[dict[Word, Value], Field(min_length=1, max_length=20)]
    accounts: Annotated[tuple[AccountPlan, ...], Field(min_length=1, max_length=MAX_ACCOUNTS)]
    scheduled_at: AwareDatetime | None = None
    """When it starts by itself; without it somebody has to send it."""
    grace_s: Annotated[int, Field(ge=60, le=7 * 86_400)] = GRACE_S
    quiet_from: str | None = None
    """`22:00`, Asia/Shanghai."""
    quiet_to: str | None = None
    control_percent: Annotated[int, Field(ge=0, le=50)] = 0
    lanes: Annotated[int, Field(ge=1, le=4)] = 1

    @model_validator(mode="after")
    def _hang_together(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_to is None):
            raise ValueError("quiet_from and quiet_to come together")
        if len({part.appid for part in self.accounts}) != len(self.accounts):
            raise ValueError("an account is named twice")
        unused = sorted(set(self.content) - {public for part in self.accounts for public in part.fields.values()})
        if unused:
            raise ValueError(f"no account uses the content field {unused[0]}")
        return self

    def digest(self) -> str:
        return hashlib.sha256(orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)).hexdigest()


def read_plan(body: object) -> BroadcastPlan:
    """A plan from what a client sent. Raises BadRequestError that names the first wrong field."""
    try:
        return BroadcastPlan.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "plan"
        raise BadRequestError(f"计划有误 {where}: {first['msg']} / the plan is wrong at {where}", code="bad_plan") from error


def plan_broadcast(
    session: Session,
    plan: BroadcastPlan,
    *,
    accounts: Mapping[str, OpenAccount],
    catalogue: Mapping[int, Sequence[TemplateLike]],
    actor: str,
    now: datetime,
) -> Broadcast:
    """Check a plan and store it; the same key with the same plan finds what is already there.

    `accounts` are the house's by appid, `catalogue` each account's templates by account id, as WeChat lists them.
    Raises BadRequestError for a purpose, account, segment or content that WeChat would refuse, ConflictError for a key taken by another plan.
    """
    known = _known(session, plan)
    if known is not None:
        return known
    carrier = carrier_called(plan.carrier)
    if plan.purpose not in carrier.purposes:
        raise BadRequestError(carrier.refusal(plan.purpose), code="purpose_refused")
    check_segment(session, plan.segment, now=now)
    parts = [_part(part, plan=plan, carrier=carrier, accounts=accounts, catalogue=catalogue) for part in plan.accounts]
    values = _columns(plan, actor=actor, now=now)
    made = session.scalar(pg_insert(Broadcast).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(Broadcast.id))
    if made is None:
        # Somebody planned under this key while we were checking: his row decides.
        again = _known(session, plan)
        assert again is not None
        return again
    session.add_all(BroadcastAccount(broadcast_id=made, **part) for part in parts)
    broadcast = session.get_one(Broadcast, made)
    note(
        session,
        broadcast,
        actor=actor,
        action="plan",
        now=now,
        detail={"name": plan.name, "accounts": [part.appid for part in plan.accounts]},
    )
    session.flush()
    return broadcast


def note(
    session: Session, broadcast: Broadcast, *, actor: str, action: str, now: datetime, detail: Mapping[str, Any] | None = None
) -> None:
    """Write what somebody did with a broadcast into the audit."""
    session.add(
        AuditEntry(
            at=now,
            actor=actor,
            action=f"broadcast.{action}",
            object_type="broadcast",
            object_id=str(broadcast.public_id),
            detail=dict(detail or {}),
        )
    )


def _known(session: Session, plan: BroadcastPlan) -> Broadcast | None:
    found = session.scalar(select(Broadcast).where(Broadcast.key == plan.key))
    if found is not None and found.key_digest != plan.digest():
        raise ConflictError(f"键 {plan.key} 已用于另一计划 / the key {plan.key} belongs to another plan; use a new key", code="key_taken")
    return found


def _part(
    part: AccountPlan,
    *,
    plan: BroadcastPlan,
    carrier: Carrier,
    accounts: Mapping[str, OpenAccount],
    catalogue: Mapping[int, Sequence[TemplateLike]],
) -> dict[str, Any]:
    account = accounts.get(part.appid)
    if account is None:
        raise BadRequestError(f"没有账号 {part.appid} / there is no account {part.appid}", code="no_account")
    if account.kind not in carrier.kinds:
        raise BadRequestError(
            f"{account.name} 是 {account.kind}, 不能发 {carrier.name} / {account.name} is a {account.kind} account and has no {carrier.name} messages",
            code="wrong_kind",
        )
    try:
        message = carrier.message(plan.content, part.mapped(), catalogue.get(account.id, ()))
    except BadRequestError as error:
        raise BadRequestError(f"{account.name} ({account.appid}): {error.detail}", code=error.code) from error
    return {"account_id": account.id, "template_id": part.template_id, "fields": dict(part.fields), "message": message}


def _columns(plan: BroadcastPlan, *, actor: str, now: datetime) -> dict[str, Any]:
    return {
        "public_id": new_public_id(),
        "key": plan.key,
        "key_digest": plan.digest(),
        "name": plan.name,
        "purpose": plan.purpose,
        "carrier": plan.carrier,
        "segment": plan.segment,
        "content": plan.content,
        "salt": secrets.token_hex(8),
        "control_percent": plan.control_percent,
        "lanes": plan.lanes,
        "quiet_from_min": None if plan.quiet_from is None else minute_of(plan.quiet_from),
        "quiet_to_min": None if plan.quiet_to is None else minute_of(plan.quiet_to),
        "grace_s": plan.grace_s,
        "wave": 1,
        "frozen_wave": 0,
        "planned_at": now,
        "planned_by": actor,
        "scheduled_at": plan.scheduled_at,
    }
