"""Tags carried to WeChat, where conditional menus and mass messages by tag read them: ours are the truth, theirs are made alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.core.accounts import OpenAccount
from app.core.audit import note
from app.core.bulk import table_of
from app.core.errors import BadRequestError, ConflictError, FankaError, NotFoundError
from app.core.followers import FOLLOWING
from app.core.house import House
from app.core.log import get_logger
from app.core.nouns import AccountKind, Follower
from app.core.unit import reading, work
from app.wechat.errors import RecipientRefused
from app.wechat.gateway import Gateway, gateway_for
from tagging.dictionary import find_tag
from tagging.models import CustomerTag, Tag, TagMirror

log = get_logger(__name__)

BATCH = 50
"""WeChat's most openids in a call."""
RUN_FOR_S = 60.0
ENDS_AFTER = timedelta(minutes=10)
"""No run that began before a mirror was ended still works after this long, so its row may go."""
_SYSTEM = frozenset({0, 1, 2})
_MIRROR = table_of(TagMirror)


@dataclass(frozen=True, slots=True)
class Compared:
    """What one comparison found and did."""

    members: int
    tagged: int
    untagged: int
    waiting: int
    skipped: int


def mirror_tag(house: House, account: OpenAccount, name: str, *, actor: str) -> TagMirror:
    """Let a tag be carried to WeChat for one account: WeChat's tag of the same name is taken, or made. Again it changes nothing.

    Raises NotFoundError, BadRequestError for a sensitive tag and for a mini program, ConflictError for a name of WeChat's own, and the
    gateway's errors: 45056 when the account has 100 tags, 45157 and 45158 when WeChat does not take the name.
    """
    if account.kind is AccountKind.MINI:
        raise BadRequestError("小程序没有粉丝标签 / a mini program has no tags at WeChat", code="no_tags_here")
    with reading(house.engine) as session:
        tag = find_tag(session, name)
    if tag.sensitive:
        raise BadRequestError(f"{name} 是敏感标签，不传到微信 / {name} is sensitive and stays here", code="sensitive_tag")
    wechat_tag_id = _their_tag(gateway_for(house, account), tag.name)
    now = house.clock.now()
    with work(house.engine) as session:
        held = session.get(TagMirror, (account.id, tag.id), with_for_update=True)
        if held is None:
            held = TagMirror(account_id=account.id, tag_id=tag.id, wechat_tag_id=wechat_tag_id, created_at=now)
            session.add(held)
        elif held.ended_at is None and held.wechat_tag_id == wechat_tag_id:
            return held
        held.wechat_tag_id, held.ended_at, held.problem = wechat_tag_id, None, ""
        session.flush()
        detail = {"tag": tag.name, "wechat_tag": wechat_tag_id}
        note(session, at=now, actor=actor, action="tag.mirrored", object_type="account", object_id=account.appid, detail=detail)
    return held


def end_mirror(session: Session, account: OpenAccount, name: str, *, actor: str, now: datetime) -> None:
    """Let a tag be carried no longer: its people lose it at WeChat; the tag there stays, since a menu may name it. Raises NotFoundError."""
    tag = find_tag(session, name)
    held = session.get(TagMirror, (account.id, tag.id), with_for_update=True)
    if held is None:
        raise NotFoundError(f"{name} 没有传到此账号 / {name} is not mirrored for this account", code="no_mirror")
    if held.ended_at is not None:
        return
    held.ended_at = now
    note(session, at=now, actor=actor, action="tag.mirror_ended", object_type="account", object_id=account.appid, detail={"tag": tag.name})


def list_mirrors(session: Session) -> Sequence[tuple[TagMirror, Tag]]:
    """Every mirror with its tag, by account and name; those that are ending among them."""
    query = select(TagMirror, Tag).join(Tag, Tag.id == TagMirror.tag_id).order_by(TagMirror.account_id, Tag.name)
    return [(row[0], row[1]) for row in session.execute(query)]


def sweep_tag_mirrors(house: House, *, run_for_s: float = RUN_FOR_S) -> int:
    """Compare every mirror with WeChat and send the differences, for so long; says how many people changed there.

    Nothing is remembered between two runs: killed anywhere, the next one compares again. What WeChat refuses is noted on the mirror, and
    stops that account's others until the next run.
    """
    until, changed, refused = house.clock.now() + timedelta(seconds=run_for_s), 0, set[int]()
    query = select(TagMirror).order_by(TagMirror.synced_at.nulls_first(), TagMirror.account_id, TagMirror.tag_id)
    with reading(house.engine) as session:
        mirrors = session.scalars(query).all()
    for mirror in mirrors:
        if mirror.account_id in refused or house.clock.now() >= until:
            continue
        try:
            done = compare(house, mirror, until=until)
        except FankaError as error:
            refused.add(mirror.account_id)
            log.warning("tag_mirror_refused", account=mirror.account_id, tag=mirror.tag_id, error_code=error.code)
            _write(house, mirror, {"problem": str(getattr(error, "explained", error))[:200]})
        else:
            changed += done.tagged + done.untagged
    return changed


def compare(house: House, mirror: TagMirror, *, until: datetime) -> Compared:
    """Make WeChat's carriers of a tag those who have it here and follow the account, until `until`. Raises the gateway's errors."""
    account = house.accounts.by_id(mirror.account_id)
    if account is None:
        raise NotFoundError("there is no such account", code="no_account")
    gateway = gateway_for(house, account)
    with reading(house.engine) as session:
        name = session.get_one(Tag, mirror.tag_id).name
        ours = set(session.scalars(_carriers(mirror, now=house.clock.now()))) if mirror.ended_at is None else set[str]()
    if mirror.ended_at is None:
        mirror.wechat_tag_id = _their_tag(gateway, name, known=mirror.wechat_tag_id)
        theirs = _their_carriers(gateway, mirror.wechat_tag_id)
    else:
        there = any(tag.tag_id == mirror.wechat_tag_id for tag in gateway.list_tags())
        theirs = _their_carriers(gateway, mirror.wechat_tag_id) if there else set()
    surplus, missing = sorted(theirs - ours), sorted(ours - theirs)
    # First off, then on: whoever changes one tag for another has room for it.
    untagged, off_skipped, off_left = _send(house, surplus, lambda part: gateway.untag_followers(mirror.wechat_tag_id, part), until=until)
    tagged, on_skipped, on_left = _send(house, missing, lambda part: gateway.tag_followers(mirror.wechat_tag_id, part), until=until)
    done = Compared(len(ours), tagged, untagged, off_left + on_left, off_skipped + on_skipped)
    found = {"wechat_tag_id": mirror.wechat_tag_id, "members": done.members, "waiting": done.waiting, "skipped": done.skipped}
    _write(house, mirror, {**found, "problem": ""}, gone=not theirs)
    return done


def _their_tag(gateway: Gateway, name: str, *, known: int | None = None) -> int:
    """The id of WeChat's tag: the known one while it is there, else the one of this name, else a new one."""
    tags = gateway.list_tags()
    if known is not None and any(tag.tag_id == known for tag in tags):
        return known
    found = next((tag.tag_id for tag in tags if tag.name == name), None)
    if found in _SYSTEM:
        raise ConflictError(f"{name} 是微信自带的标签名 / {name} is a tag of WeChat's own", code="system_tag")
    return gateway.create_tag(name).tag_id if found is None else found


def _their_carriers(gateway: Gateway, wechat_tag_id: int) -> set[str]:
    carriers, after = set[str](), ""
    while True:
        page = gateway.list_tag_followers(wechat_tag_id, after)
        carriers.update(page.openids)
        if not page.openids or not page.next_openid or page.next_openid == after:
            return carriers
        after = page.next_openid


def _carriers(mirror: TagMirror, *, now: datetime) -> Any:
    """Who should carry it: has the tag now, follows, and is not erased."""
    return (
        select(Follower.openid)
        .join(CustomerTag, CustomerTag.customer_id == Follower.customer_id)
        .where(
            CustomerTag.tag_id == mirror.tag_id,
            or_(CustomerTag.expires_at.is_(None), CustomerTag.expires_at > now),
            Follower.account_id == mirror.account_id,
            Follower.state == FOLLOWING,
            Follower.openid.is_not(None),
        )
    )


def _send(house: House, openids: Sequence[str], call: Callable[[Sequence[str]], None], *, until: datetime) -> tuple[int, int, int]:
    """Batch by batch while there is time; says how many were done, refused and left."""
    done = skipped = 0
    for start in range(0, len(openids), BATCH):
        if house.clock.now() >= until:
            break
        part = openids[start : start + BATCH]
        refused = _each(call, part)
        done, skipped = done + len(part) - refused, skipped + refused
    return done, skipped, len(openids) - done - skipped


def _each(call: Callable[[Sequence[str]], None], part: Sequence[str]) -> int:
    """One batch; one person whom WeChat refuses (45059: 20 tags, 40003: left) refuses it whole, so he is looked for by halves."""
    try:
        call(part)
    except RecipientRefused:
        if len(part) == 1:
            return 1
        half = len(part) // 2
        return _each(call, part[:half]) + _each(call, part[half:])
    return 0


def _write(house: House, mirror: TagMirror, found: dict[str, Any], *, gone: bool = False) -> None:
    """Keep what a comparison found; the row of an ended mirror goes once nobody carries its tag and no earlier run can still give it."""
    now, key = house.clock.now(), (_MIRROR.c.account_id == mirror.account_id, _MIRROR.c.tag_id == mirror.tag_id)
    with work(house.engine) as session:
        if gone:
            session.execute(delete(_MIRROR).where(*key, _MIRROR.c.ended_at <= now - ENDS_AFTER))
        session.execute(update(_MIRROR).where(*key).values(**found, synced_at=now))
