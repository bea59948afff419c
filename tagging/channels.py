"""Channels: named QR codes made once, whatever crashes; renewed while temporary, retired and taken over when permanent."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.accounts import OpenAccount
from app.core.errors import BadRequestError, ConflictError, FankaError, NotFoundError
from app.core.house import House
from app.core.ids import new_public_id
from app.core.log import get_logger
from app.core.nouns import AccountKind, AuditEntry
from app.core.unit import reading, work
from app.wechat.gateway import gateway_for
from tagging.allocator import codes_left, declare_used, hand_over, retire, take_code
from tagging.channel_book import ChannelBook, ChannelView, announce_change
from tagging.channel_kinds import PLAIN, kind_of, of_kinds, scene_of
from tagging.models import Channel, ChannelTag, Tag

log = get_logger(__name__)

TEMPORARY_MAX_S = 2_592_000
"""WeChat's longest temporary code: 30 days."""
RENEW_BEFORE = timedelta(days=3)
WELCOME_MAX_BYTES = 16_384
Progress = Callable[[int, int], None]
"""Told how many of how many are done."""

Scene = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_.:/=!@,-]{1,64}$")]


class ChannelDraft(BaseModel):
    """What a new channel shall be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    scene: Scene | None = None
    """None: one is made. For a permanent code a retired scene may be named to take it over."""
    kind: Literal["channel", "store", "promoter", "guide", "poster"] | None = None
    """What it stands for, said by the first word of its scene. None: what the scene says."""
    permanent: bool = True
    life_s: Annotated[int, Field(ge=60, le=TEMPORARY_MAX_S)] = TEMPORARY_MAX_S
    """Of a temporary code; it is renewed before it ends."""
    welcome: dict[str, Any] | None = None
    """A reply, in the JSON of reply rules; checked where it is rendered."""
    tags: list[UUID] = Field(default_factory=list, max_length=20)
    """Public ids of tags that everybody gets who scans."""

    @field_validator("welcome")
    @classmethod
    def _small(cls, welcome: dict[str, Any] | None) -> dict[str, Any] | None:
        if welcome is not None and len(orjson.dumps(welcome)) > WELCOME_MAX_BYTES:
            raise ValueError(f"a welcome has at most {WELCOME_MAX_BYTES} bytes")
        return welcome

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if self.kind is not None and self.scene is not None and kind_of(self.scene) != self.kind:
            raise ValueError(f"the scene says {kind_of(self.scene)}, not {self.kind}; that of a store is written store:NJX")
        return self


def draft_channel(data: Mapping[str, Any]) -> ChannelDraft:
    """A draft from outside. Raises BadRequestError that names the field."""
    try:
        return ChannelDraft.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadRequestError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", code="bad_channel") from error


def create_channel(house: House, account: OpenAccount, draft: ChannelDraft, *, actor: str = "system") -> Channel:
    """Make a channel and its code: the row first, then WeChat's code, then the ticket.

    Asked again after a crash, it goes on where it stopped: the same name on the same account is the same channel with the same scene, so no
    second code is used up. Raises BadRequestError for an account that cannot have codes, ConflictError when the name or scene belongs to another channel or no code is left, and the gateway's errors:
    the row then stays and `renew_channels` tries again.
    """
    if account.kind is not AccountKind.SERVICE:
        raise BadRequestError("WeChat makes codes with a scene for service accounts only", code="no_codes_here")
    channel_id = _plan(house, account, draft, actor=actor)
    return issue_code(house, account, channel_id)


def create_channels(
    house: House, account: OpenAccount, drafts: Sequence[ChannelDraft], *, actor: str = "system", progress: Progress | None = None
) -> list[Channel]:
    """Make many channels. Stopped anywhere, it may be run again with the same drafts."""
    made = []
    for number, draft in enumerate(drafts, start=1):
        made.append(create_channel(house, account, draft, actor=actor))
        if progress is not None:
            progress(number, len(drafts))
    return made


def issue_code(house: House, account: OpenAccount, channel_id: int) -> Channel:
    """Let WeChat make the code of a planned channel, or renew that of a temporary one, and keep its ticket."""
    with reading(house.engine) as session:
        channel = session.get_one(Channel, channel_id)
    if channel.ticket is not None and channel.permanent:
        return channel
    asked_at = house.clock.now()
    # No transaction is open while WeChat is asked.
    code = gateway_for(house, account).create_qr(channel.scene, channel.permanent, channel.life_s or 0)
    with work(house.engine) as session:
        channel = session.get_one(Channel, channel_id, with_for_update=True)
        channel.ticket, channel.url = code.ticket, code.url
        if not channel.permanent:
            channel.expires_at = asked_at + timedelta(seconds=code.expire_s or channel.life_s or 0)
    return channel


def renew_channels(house: House) -> int:
    """Renew temporary codes that end within three days and make codes that a crash left unmade. Returns how many were made.

    One account that WeChat refuses does not stop the others.
    """
    now = house.clock.now()
    due = (
        select(Channel.id, Channel.account_id)
        .where(Channel.retired_at.is_(None), or_(Channel.ticket.is_(None), Channel.expires_at <= now + RENEW_BEFORE))
        .order_by(Channel.account_id, Channel.id)
    )
    with reading(house.engine) as session:
        rows = session.execute(due).all()
    made, refused = 0, set[int]()
    for channel_id, account_id in rows:
        account = house.accounts.by_id(account_id)
        if account is None or account_id in refused:
            continue
        try:
            issue_code(house, account, channel_id)
        except FankaError as error:
            refused.add(account_id)
            log.warning("channel_not_renewed", channel=channel_id, account=account_id, error=type(error).__name__, error_code=error.code)
        else:
            made += 1
    return made


def retire_channel(session: Session, channel: Channel, *, house: House, actor: str) -> None:
    """End a channel: no welcome and no tags any more. Its permanent code can be taken over later."""
    retire(session, channel, now=house.clock.now())
    _note(session, channel, "channel.retired", actor=actor, now=house.clock.now())
    announce_change(session, house)


def change_channel(
    session: Session,
    channel: Channel,
    *,
    house: House,
    actor: str,
    welcome: dict[str, Any] | None,
    tags: Sequence[UUID],
) -> None:
    """Set a channel's welcome and tags; every web process has them a second later. Raises BadRequestError, NotFoundError for an unknown tag."""
    checked = draft_channel({"name": channel.name, "welcome": welcome, "tags": list(tags)})
    channel.welcome = checked.welcome
    session.execute(delete(ChannelTag).where(ChannelTag.channel_id == channel.id))
    _tag(session, channel, checked.tags)
    _note(session, channel, "channel.changed", actor=actor, now=house.clock.now())
    announce_change(session, house)


def access_channel(session: Session, public_id: UUID) -> Channel:
    """The only way to a channel by an id from outside. Raises NotFoundError."""
    channel = session.scalar(select(Channel).where(Channel.public_id == public_id))
    if channel is None:
        raise NotFoundError("there is no such channel", code="no_such_channel")
    return channel


def list_channels(
    session: Session, *, account_id: int | None = None, retired: bool = False, kinds: Sequence[str] = ()
) -> Sequence[Channel]:
    """Channels by name, of some kinds or of all; the retired ones only when asked for."""
    query = select(Channel).order_by(Channel.name, Channel.id)
    if account_id is not None:
        query = query.where(Channel.account_id == account_id)
    if kinds:
        query = query.where(of_kinds(kinds))
    return session.scalars(query if retired else query.where(Channel.retired_at.is_(None))).all()


def _plan(house: House, account: OpenAccount, draft: ChannelDraft, *, actor: str) -> int:
    """The row of a channel, with a code allotted: found when an earlier attempt left it."""
    try:
        with work(house.engine) as session:
            known = session.scalar(
                select(Channel).where(Channel.account_id == account.id, Channel.name == draft.name, Channel.retired_at.is_(None))
            )
            if known is None:
                known = _new_channel(session, account, draft, now=house.clock.now(), actor=actor)
                announce_change(session, house)
            elif (
                known.permanent is not draft.permanent
                or draft.scene not in (None, known.scene)
                or draft.kind not in (None, kind_of(known.scene))
            ):
                raise ConflictError(f"there is another channel called {draft.name!r}", code="channel_known")
            return known.id
    except IntegrityError as error:
        raise ConflictError(f"the name {draft.name!r} or its scene belongs to another channel", code="channel_known") from error


def _new_channel(session: Session, account: OpenAccount, draft: ChannelDraft, *, now: datetime, actor: str) -> Channel:
    channel = Channel(
        account_id=account.id,
        name=draft.name,
        permanent=draft.permanent,
        life_s=None if draft.permanent else draft.life_s,
        welcome=draft.welcome,
        created_at=now,
    )
    retired = take_code(session, account.id, scene=draft.scene, kind=draft.kind or PLAIN) if draft.permanent else None
    if retired is not None:
        channel.scene, channel.ticket, channel.url = retired.scene, retired.ticket, retired.url
    session.add(channel)
    if retired is None:
        # The public id is drawn when the row is written; its random half makes a scene nobody can guess the next of.
        channel.public_id = new_public_id()
        channel.scene = draft.scene or scene_of(draft.kind or PLAIN, f"fk{channel.public_id.hex[-20:]}")
    session.flush()
    if retired is not None:
        hand_over(session, retired, to=channel)
    _tag(session, channel, draft.tags)
    _note(session, channel, "channel.created", actor=actor, now=now)
    return channel


def _tag(session: Session, channel: Channel, tags: Sequence[UUID]) -> None:
    found = session.scalars(select(Tag.id).where(Tag.public_id.in_(set(tags)))).all()
    if len(found) != len(set(tags)):
        raise NotFoundError("one of the channel's tags does not exist", code="no_such_tag")
    session.add_all(ChannelTag(channel_id=channel.id, tag_id=tag_id) for tag_id in found)
    session.flush()


def _note(session: Session, channel: Channel, action: str, *, actor: str, now: datetime) -> None:
    detail = {"name": channel.name, "scene": channel.scene}
    session.add(AuditEntry(at=now, actor=actor, action=action, object_type="channel", object_id=str(channel.public_id), detail=detail))


__all__ = [
    "ChannelBook",
    "ChannelDraft",
    "ChannelView",
    "access_channel",
    "change_channel",
    "codes_left",
    "create_channel",
    "create_channels",
    "declare_used",
    "draft_channel",
    "issue_code",
    "list_channels",
    "renew_channels",
    "retire_channel",
]
