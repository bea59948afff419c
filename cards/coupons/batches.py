"""Bulk issue over a segment: walked in customer order with its progress in a row, so that it may be killed, doubled and continued."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import BadRequestError, FankaError, NotFoundError
from app.core.house import House
from app.core.unit import work
from cards.blocks import is_blocked
from cards.coupons.claim import Claim, ClaimRefusedError, Path, claim
from cards.coupons.templates import find_template
from cards.models.coupons import CouponBatch, CouponTemplate
from tagging.segments import compile_tree, count_segment, parse_tree, tree_json, verify_tree

CHUNK = 200
_OVER = {"sold_out", "sold_out_today", "not_claimable"}
"""Refusals that concern everybody who comes after, too."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch has come. `missed` were in the segment when it was made and are not any more, or came after stock was gone."""

    state: str
    total: int
    issued: int
    skipped: int


def start_batch(session: Session, template_id: UUID, tree: object, *, reason: str, actor: str, now: datetime) -> CouponBatch:
    """Write down whom a template is to be issued to; `run_batch` does it. Raises BadRequestError, NotFoundError."""
    if not reason.strip():
        raise BadRequestError("发券要写原因 / say why", code="reason_needed")
    template = find_template(session, template_id)
    parsed = parse_tree(tree)
    verify_tree(session, parsed)
    batch = CouponBatch(
        template_id=template.id,
        tree=tree_json(parsed),
        total=count_segment(session, parsed, now=now),
        reason=reason.strip()[:200],
        actor=actor[:64],
        created_at=now,
    )
    session.add(batch)
    session.flush()
    detail: dict[str, Any] = {"template": str(template.public_id), "total": batch.total, "reason": batch.reason}
    note(session, at=now, actor=actor, action="coupon_batch.started", object_type="coupon_batch", object_id=batch.public_id, detail=detail)
    return batch


def read_progress(session: Session, batch_id: UUID) -> Progress:
    """How far a batch has come. Raises NotFoundError."""
    batch = session.scalar(select(CouponBatch).where(CouponBatch.public_id == batch_id))
    if batch is None:
        raise NotFoundError("没有这批券 / there is no such batch", code="no_batch")
    return Progress(batch.state, batch.total, batch.issued, batch.skipped)


def run_chunk(house: House, batch_id: int, *, chunk: int = CHUNK) -> bool:
    """Issue to the next customers, in one transaction; says whether there are more. Two runners take turns at the batch's row."""
    with work(house.engine) as session:
        query = select(CouponBatch).where(CouponBatch.id == batch_id, CouponBatch.state == "running").with_for_update()
        batch = session.scalar(query)
        if batch is None:
            return False
        template = session.get_one(CouponTemplate, batch.template_id)
        now = house.clock.now()
        found = compile_tree(parse_tree(batch.tree), now).subquery()
        people = session.scalars(
            select(found.c.customer_id).where(found.c.customer_id > batch.cursor).order_by(found.c.customer_id).limit(chunk)
        ).all()
        over = _issue(session, house, batch, template, people, now=now)
        if over is not None or len(people) < chunk:
            batch.state = "out_of_stock" if over is not None else "done"
            batch.finished_at = now
        return batch.state == "running"


def _issue(
    session: Session, house: House, batch: CouponBatch, template: CouponTemplate, people: Sequence[int], *, now: datetime
) -> FankaError | None:
    """One coupon each, each in a savepoint of its own; the refusal that ends the batch, if there was one."""
    for customer_id in people:
        wish = Claim(customer_id, Path.BATCH, f"batch:{batch.id}:{customer_id}", batch.actor, batch_id=batch.id)
        try:
            with session.begin_nested():
                claim(session, template, wish, registry=house.registry, now=now)
        except ClaimRefusedError as error:
            # Who is kept out hears what everybody hears when nothing is given any more; the others get theirs all the same.
            if error.code in _OVER and not is_blocked(session, customer_id, now=now):
                return error
            batch.skipped += 1
        except FankaError:
            batch.skipped += 1
        else:
            batch.issued += 1
        batch.cursor = customer_id
    return None
