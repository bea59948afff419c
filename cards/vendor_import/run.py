"""The real run: members in small transactions, each once for good by his id at the vendor; killed anywhere, it goes on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.audit import note
from app.core.errors import ConflictError, FankaError
from app.core.house import House
from app.core.unit import reading, work
from cards.models.ledger import Lot, PointsTxn, TxnKind
from cards.models.membership import ImportRun
from cards.vendor_import.bring import Target, bring
from cards.vendor_import.files import Bundle
from cards.vendor_import.stage import Person, Problems, staged

BATCH = 100


@dataclass(frozen=True, slots=True)
class Brought:
    """What a run did. `fresh` members were new to it, the others had been brought by a run before."""

    members: int
    fresh: int
    points: int
    value_fen: int
    coupons: int
    refused_coupons: int


def run_bundle(
    house: House,
    bundle: Bundle,
    *,
    programme_id: int,
    unit_id: int,
    actor: str,
    batch: int = BATCH,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> Brought:
    """Bring a bundle that passed its trial. Points and value are issued by `unit_id`; `tell` hears members done and in all after each batch.

    It may be killed and repeated: whoever was brought is passed over. Raises ConflictError for a bundle that was not tried as it is.
    """
    digest = bundle.digest()
    with reading(house.engine) as session:
        found = session.scalar(select(ImportRun).where(ImportRun.programme_id == programme_id, ImportRun.digest == digest))
    if found is None:
        raise ConflictError("这批文件还没有通过试运行, 或试后已改动 / these files have not passed a trial as they are", code="not_tried")
    target = Target(vendor=bundle.vendor, programme_id=programme_id, unit_id=unit_id, actor=actor)
    problems, total = Problems(), Brought(0, 0, 0, 0, 0, 0)
    with staged(bundle, problems) as stage:
        members, points, value_fen, _ = stage.totals()
        if problems.total or (members, points, value_fen) != (found.members, found.points, found.value_fen):
            raise ConflictError("文件与试运行时不同 / the files are not what was tried", code="not_tried")
        for people in _batches(stage.people(), batch):
            with work(house.engine) as session:
                total = _bring_batch(house, session, people, target=target, run_id=found.id, total=total)
            tell(total.members, members)
    _finish(house, found.id, total, actor=actor)
    return total


def _bring_batch(house: House, session: Session, people: Sequence[Person], *, target: Target, run_id: int, total: Brought) -> Brought:
    """One batch, proved before it is committed: what stands in the ledger is what the files say of those who are new.

    Whoever was brought before was proved then; if the group's CRM told of him, his lots are those it named.
    """
    fresh = []
    for person in people:
        done = bring(house, session, person, target=target)
        if done.fresh:
            fresh.append(person)
        total = replace(
            total,
            members=total.members + 1,
            fresh=total.fresh + done.fresh,
            coupons=total.coupons + done.coupons,
            refused_coupons=total.refused_coupons + done.refused_coupons,
        )
    wanted_points = {target.lot_key(person, line): lot.points for person in fresh for line, lot in person.lots}
    wanted_value = {target.value_key(person, place): fen for person in fresh for place, fen in enumerate(person.balances)}
    for wanted in (wanted_points, wanted_value):
        query = select(func.coalesce(func.sum(Lot.quantity), 0)).join(PointsTxn, PointsTxn.id == Lot.txn_id)
        posted = session.scalar(query.where(PointsTxn.kind == TxnKind.OPEN, PointsTxn.business_key.in_(list(wanted))))
        if posted != sum(wanted.values()):
            raise FankaError("the ledger does not hold what the files say", code="import_differs")
    session.execute(update(ImportRun).where(ImportRun.id == run_id).values(state="running", done=total.members))
    points = sum(lot.points for person in people for _, lot in person.lots)
    return replace(total, points=total.points + points, value_fen=total.value_fen + sum(sum(person.balances) for person in people))


def _finish(house: House, run_id: int, total: Brought, *, actor: str) -> None:
    with work(house.engine) as session:
        now = house.clock.now()
        run = session.get_one(ImportRun, run_id, with_for_update=True)
        first = run.state != "done"
        run.state, run.done = "done", total.members
        run.finished_at = run.finished_at or now
        if first:
            detail = {"vendor": run.vendor, "members": total.members, "points": total.points, "value_fen": total.value_fen}
            note(session, at=now, actor=actor, action="vendor.imported", object_type="import_run", object_id=run.public_id, detail=detail)


def _batches(people: Iterator[Person], size: int) -> Iterator[list[Person]]:
    while batch := list(islice(people, size)):
        yield batch
