"""The import of an account's existing followers: page by page, with a cursor that survives a kill."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from app.core.accounts import OpenAccount
from app.core.clock import whole_second
from app.core.errors import BadRequestError
from app.core.followers import FOLLOWING, Sighting, meet, welcome_back
from app.core.house import House
from app.core.nouns import AccountKind, Follower
from app.core.unit import reading, work
from app.wechat.gateway import gateway_for
from jobs.followers.ask import BATCH
from jobs.followers.learn import learn
from jobs.followers.models import FollowerImport

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come: openids listed of those WeChat counted, and how many were read."""

    total: int
    listed: int
    read: int
    finished: bool


def import_followers(house: House, account: OpenAccount, *, tell: Callable[[Progress], None] = lambda _: None) -> Progress:
    """Bring in every follower of an account. Killed in the middle it goes on from the stored cursor; finished it begins anew.

    Raises BadRequestError for a mini program (it has no followers), and what the gateway raises.
    """
    if account.kind is AccountKind.MINI:
        raise BadRequestError("a mini program has no followers to import", code="no_followers")
    _begin(house, account)
    while not _is_listed(house, account):
        tell(_list_page(house, account))
    while (progress := _read_some(house, account)) is not None:
        tell(progress)
    with work(house.engine) as session:
        row = _row(session, account)
        row.finished_at = house.clock.now()
        progress = _progress(row)
    tell(progress)
    return progress


def import_progress(session: Session, *, account_id: int) -> Progress | None:
    """How far the last import of an account came, or None when there was none."""
    row = session.get(FollowerImport, account_id)
    return None if row is None else _progress(row)


def _begin(house: House, account: OpenAccount) -> None:
    now = house.clock.now()
    with work(house.engine) as session:
        fresh = {"account_id": account.id, "next_openid": "", "total": 0, "listed": 0, "read": 0, "started_at": now}
        session.execute(pg_insert(FollowerImport).values(fresh).on_conflict_do_nothing())
        row = _row(session, account)
        if row.finished_at is not None:
            row.next_openid, row.total, row.listed, row.read = "", 0, 0, 0
            row.started_at, row.listed_at, row.finished_at = now, None, None


def _is_listed(house: House, account: OpenAccount) -> bool:
    with reading(house.engine) as session:
        return session.scalar(select(FollowerImport.listed_at).where(FollowerImport.account_id == account.id)) is not None


def _list_page(house: House, account: OpenAccount) -> Progress:
    """One page of up to 10 000 openids, kept together with the cursor that follows it."""
    with reading(house.engine) as session:
        cursor = session.scalar(select(FollowerImport.next_openid).where(FollowerImport.account_id == account.id)) or ""
    asked_at = house.clock.now()
    page = gateway_for(house, account).list_followers(cursor)
    with work(house.engine) as session:
        row = _row(session, account)
        if row.next_openid != cursor:
            # Another run of the same import has stored this page already.
            return _progress(row)
        for start in range(0, len(page.openids), CHUNK):
            seen = [Sighting(account.id, account.appid, openid) for openid in page.openids[start : start + CHUNK]]
            openids = {each.digest: each.openid for each in seen}
            for follower in meet(session, seen, now=asked_at).values():
                if _follows(follower, asked_at=asked_at):
                    welcome_back(session, follower, openids[follower.openid_digest])
        session.flush()
        row.total, row.listed = page.total, row.listed + len(page.openids)
        if page.openids and page.next_openid:
            row.next_openid = page.next_openid
        if not page.openids or not page.next_openid or row.listed >= page.total:
            row.listed_at = house.clock.now()
        return _progress(row)


def _follows(follower: Follower, *, asked_at: datetime) -> bool:
    """The list says he followed in the second of `asked_at`; an event of that second or later knows better. Says whether the list was believed."""
    second = whole_second(asked_at)
    if follower.state_at is not None and follower.state_at >= second:
        return False
    follower.state, follower.state_at = FOLLOWING, second
    return True


def _read_some(house: House, account: OpenAccount) -> Progress | None:
    """Read `user/info` of the next 100 followers not read since this import began; None when none is left."""
    with reading(house.engine) as session:
        row = _read_row(session, account)
        query = (
            select(Follower.openid)
            .where(
                Follower.account_id == account.id,
                Follower.state == FOLLOWING,
                Follower.openid.is_not(None),
                func.coalesce(Follower.synced_at, func.to_timestamp(0)) < row.started_at,
            )
            .order_by(Follower.id)
            .limit(BATCH)
        )
        openids = [openid for openid in session.scalars(query) if openid is not None]
    if not openids:
        return None
    asked_at = house.clock.now()
    infos = gateway_for(house, account).read_followers(openids)
    answered = {str(info.get("openid", "")) for info in infos}
    # Somebody WeChat no longer answers for is marked read too, or the import would ask for him for ever.
    infos = [*infos, *({"openid": openid, "subscribe": 0} for openid in openids if openid not in answered)]
    learn(house, account, infos, asked_at=asked_at)
    with work(house.engine) as session:
        kept = _row(session, account)
        kept.read += len(openids)
        return _progress(kept)


def _row(session: Session, account: OpenAccount) -> FollowerImport:
    return session.get_one(FollowerImport, account.id, with_for_update=True)


def _read_row(session: Session, account: OpenAccount) -> FollowerImport:
    return session.get_one(FollowerImport, account.id)


def _progress(row: FollowerImport) -> Progress:
    return Progress(total=row.total, listed=row.listed, read=row.read, finished=row.finished_at is not None)
