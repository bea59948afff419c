"""Templates and pools: made as drafts, opened, closed; terms that were opened never change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, ConflictError, NotFoundError
from app.core.nouns import BusinessUnit, Store
from cards.coupon_type import read_terms
from cards.coupons.claim_rules import CLAIM_KINDS
from cards.coupons.worth import TYPE as PERSONAL
from cards.coupons.worth import ValueRule
from cards.models.coupons import CouponPool, CouponTemplate, Offline, TemplateState
from cards.models.programme import Programme
from cards.moments import Moment
from tagging.rule import FactKind, Match
from tagging.segments import parse_tree, tree_json, verify_tree

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Limit = Annotated[int, Field(ge=1, le=2_000_000_000)]
Amount = Annotated[int, Field(ge=0, le=10**9)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
MOST_CLAIM_RULES = 10

ALONE, FREE = "alone", "free"
_EDITABLE = {
    "name",
    "stock",
    "per_person",
    "per_person_day",
    "per_day",
    "claimable",
    "claim_on",
    "claim_from",
    "claim_until",
    "audience",
    "budget_fen",
}
_LIMITS = {"stock", "per_person", "per_person_day", "per_day"}


class ClaimRule(BaseModel):
    """A fact that gives the coupon: its kind, and the fields it must carry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FactKind
    match: Match = Field(default_factory=dict)

    @model_validator(mode="after")
    def _heard(self) -> "ClaimRule":
        if self.kind not in CLAIM_KINDS:
            raise ValueError(f"one of {', '.join(CLAIM_KINDS)}")
        return self


class TemplateWish(BaseModel):
    """A template as a marketer wants it; ids of places are public ones."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    type: Annotated[str, Field(max_length=24)]
    terms: dict[str, Any]
    unit: UUID
    pool: UUID | None = None
    stock: Limit | None = None
    per_person: Limit | None = 1
    per_person_day: Limit | None = None
    per_day: Limit | None = None
    stores: Annotated[list[UUID], Field(max_length=1000)] = Field(default_factory=list)
    skus: Annotated[list[Word], Field(max_length=1000)] = Field(default_factory=list)
    categories: Annotated[list[Word], Field(max_length=200)] = Field(default_factory=list)
    minimum_fen: Amount = 0
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    days_wait: Annotated[int, Field(ge=0, le=365)] = 0
    days_valid: Annotated[int, Field(ge=1, le=3660)] | None = None
    stacking_class: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,23}$")] = ALONE
    giveable: bool = False
    claimable: bool = False
    claim_on: Annotated[list[ClaimRule], Field(max_length=MOST_CLAIM_RULES)] = Field(default_factory=list)
    claim_from: Moment | None = None
    claim_until: Moment | None = None
    audience: dict[str, Any] | None = None
    value_rule: ValueRule | None = None
    budget_fen: Annotated[int, Field(ge=1, le=10**12)] | None = None
    price_points: Amount = 0
    reward_points: Amount = 0
    offline: Offline = Offline.NEVER
    offline_fen: Amount = 0

    @model_validator(mode="after")
    def _dated(self) -> "TemplateWish":
        if self.days_valid is None and self.valid_until is None:
            raise ValueError("valid_until or days_valid says how long it is good")
        if self.valid_from is not None and self.valid_until is not None and self.valid_from >= self.valid_until:
            raise ValueError("valid_from lies before valid_until")
        if (self.value_rule is None) != (self.budget_fen is None):
            raise ValueError("value_rule and budget_fen go together")
        if self.value_rule is not None and self.type != PERSONAL:
            raise ValueError(f"value_rule is for the type {PERSONAL}")
        return self


class PoolWish(BaseModel):
    """Limits that several templates are to share."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    stock: Limit | None = None
    per_person: Limit | None = None
    per_person_day: Limit | None = None
    per_day: Limit | None = None


def add_pool(session: Session, wish: PoolWish, *, programme_id: int, now: datetime, actor: str) -> CouponPool:
    """Make a pool. Raises ConflictError when the name is taken."""
    pool = CouponPool(programme_id=programme_id, created_at=now, **wish.model_dump())
    try:
        with session.begin_nested():
            session.add(pool)
    except IntegrityError as error:
        raise ConflictError("已有同名的共用限额 / there is a pool of this name", code="name_taken") from error
    note(
        session,
        at=now,
        actor=actor,
        action="coupon_pool.added",
        object_type="coupon_pool",
        object_id=pool.public_id,
        detail=wish.model_dump(),
    )
    return pool


def read_wish(data: object) -> TemplateWish:
    """A wish from JSON. Raises BadRequestError that names the field."""
    try:
        return TemplateWish.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "template"
        raise BadRequestError(f"模板有误 {where}: {first['msg']} / {where}: {first['msg']}", code="bad_template") from error


def add_template(session: Session, wish: TemplateWish, *, programme_id: int, now: datetime, actor: str) -> CouponTemplate:
    """Make a draft. Raises BadRequestError for terms that cannot be, NotFoundError for a place or pool that does not exist."""
    if session.get(Programme, programme_id) is None:
        raise NotFoundError("没有这个会员计划 / there is no such programme", code="no_programme")
    template = CouponTemplate(programme_id=programme_id, created_at=now, state=TemplateState.DRAFT)
    _fill(session, template, wish)
    session.add(template)
    session.flush()
    _note(session, template, "coupon_template.added", wish.model_dump(mode="json"), now=now, actor=actor)
    return template


def change_template(session: Session, public_id: UUID, changes: Mapping[str, Any], *, now: datetime, actor: str) -> CouponTemplate:
    """Change a template: all of a draft; name, limits, claiming and audience of an open one.

    Raises BadRequestError, NotFoundError, and ConflictError (`terms_are_fixed`) when terms of an open template would change.
    """
    template = find_template(session, public_id, lock=True)
    fixed = sorted(set(changes) - _EDITABLE)
    if template.state != TemplateState.DRAFT and fixed:
        raise ConflictError(
            f"启用后 {fixed[0]} 不能修改，请另建模板 / {fixed[0]} of a template that was opened cannot change; make a new one",
            code="terms_are_fixed",
        )
    new = sorted(name for name in _LIMITS & set(changes) if getattr(template, name) is None and changes[name] is not None)
    if template.state != TemplateState.DRAFT and new:
        # What was given out before would not be in the count.
        raise ConflictError(
            f"启用后不能新增限额 {new[0]}，只能调整已有的 / an open template cannot begin to limit {new[0]}; a limit it has may be moved",
            code="terms_are_fixed",
        )
    before = show_template(session, template)
    _fill(session, template, read_wish({**before, **changes}))
    session.flush()
    after = show_template(session, template)
    changed = {key: {"before": before[key], "after": value} for key, value in after.items() if value != before[key]}
    _note(session, template, "coupon_template.changed", changed, now=now, actor=actor)
    return template


def set_state(session: Session, public_id: UUID, state: TemplateState, *, now: datetime, actor: str) -> CouponTemplate:
    """Open or close a template. Raises ConflictError for going back to a draft."""
    template = find_template(session, public_id, lock=True)
    if state == TemplateState.DRAFT and template.state != TemplateState.DRAFT:
        raise ConflictError("启用过的模板不能退回草稿 / a template that was opened is no draft any more", code="terms_are_fixed")
    template.state = state
    session.flush()
    _note(session, template, f"coupon_template.{state}", {}, now=now, actor=actor)
    return template


def find_template(session: Session, public_id: UUID, *, lock: bool = False) -> CouponTemplate:
    """A template by its public id. Raises NotFoundError."""
    query = select(CouponTemplate).where(CouponTemplate.public_id == public_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    template = session.scalar(query)
    if template is None:
        raise NotFoundError("没有这个券模板 / there is no such coupon template", code="no_template")
    return template


def show_template(session: Session, template: CouponTemplate) -> dict[str, Any]:
    """A template in the form of a wish, as JSON."""
    stores = session.scalars(select(Store.public_id).where(Store.id.in_(template.store_ids)).order_by(Store.id)).all()
    own = {name: getattr(template, name) for name in TemplateWish.model_fields if name not in ("unit", "pool", "stores")}
    own["unit"] = session.scalar(select(BusinessUnit.public_id).where(BusinessUnit.id == template.unit_id))
    own["pool"] = session.scalar(select(CouponPool.public_id).where(CouponPool.id == template.pool_id))
    return TemplateWish.model_validate({**own, "stores": stores}).model_dump(mode="json")


def _fill(session: Session, template: CouponTemplate, wish: TemplateWish) -> None:
    kind, terms = read_terms(wish.type, wish.terms)
    values = wish.model_dump(exclude={"unit", "pool", "stores", "claim_on", "terms", "audience", "value_rule"})
    for name, value in values.items():
        setattr(template, name, value)
    template.terms = terms.model_dump(mode="json")
    template.skus = wish.skus or list(kind.bound_to(terms))
    template.value_rule = None if wish.value_rule is None else wish.value_rule.model_dump(mode="json")
    template.claim_on = [rule.model_dump(mode="json") for rule in wish.claim_on]
    template.unit_id = _one(session.scalars(select(BusinessUnit.id).where(BusinessUnit.public_id == wish.unit)).all(), "business unit")
    template.pool_id = None
    if wish.pool is not None:
        template.pool_id = _one(session.scalars(select(CouponPool.id).where(CouponPool.public_id == wish.pool)).all(), "pool")
    found = session.scalars(select(Store.id).where(Store.public_id.in_(wish.stores)).order_by(Store.id)).all()
    if len(found) != len(set(wish.stores)):
        raise NotFoundError("没有这家门店 / there is no such store", code="no_store")
    template.store_ids = list(found)
    template.audience = None
    if wish.audience is not None:
        tree = parse_tree(wish.audience)
        verify_tree(session, tree)
        template.audience = tree_json(tree)


def _one(found: Sequence[int], what: str) -> int:
    if not found:
        raise NotFoundError(f"there is no such {what}", code=f"no_{what.replace(' ', '_')}")
    return found[0]


def _note(session: Session, template: CouponTemplate, action: str, detail: dict[str, Any], *, now: datetime, actor: str) -> None:
    note(session, at=now, actor=actor, action=action, object_type="coupon_template", object_id=template.public_id, detail=detail)
