"""Came through a channel, first, last or ever: 来源渠道."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core.nouns import Follower
from tagging.condition import Condition, ConditionParams
from tagging.models import Channel, ChannelVisit, Touch
from tagging.references import channel_ref, must_exist


class ChannelParams(ConditionParams):
    channel: UUID
    """Public id."""
    touch: Literal["first", "last", "any"] = "any"


class CameThrough(Condition):
    name = "channel"
    title = "来源渠道 · came through the channel"
    params = ChannelParams

    def compile(self, params: ChannelParams, *, now: datetime) -> Select[Any]:
        del now
        wanted = channel_ref(params.channel)
        if params.touch == "any":
            touched = select(ChannelVisit.follower_id).where(ChannelVisit.channel_id == wanted)
        elif params.touch == "first":
            touched = select(Touch.follower_id).where(Touch.first_channel_id == wanted)
        else:
            touched = select(Touch.follower_id).where(Touch.last_channel_id == wanted)
        return select(Follower.customer_id).where(Follower.id.in_(touched)).distinct()

    def verify(self, session: Session, params: ChannelParams) -> None:
        must_exist(session, channel_ref(params.channel), f"channel {params.channel}")

    def explain(self, session: Session, params: ChannelParams, customer_id: int, *, now: datetime) -> str:
        del params, now
        query = (
            select(Channel.name, ChannelVisit.visits, ChannelVisit.first_at)
            .join(ChannelVisit, ChannelVisit.channel_id == Channel.id)
            .join(Follower, Follower.id == ChannelVisit.follower_id)
            .where(Follower.customer_id == customer_id)
            .order_by(ChannelVisit.first_at)
            .limit(5)
        )
        came = [f"{row.name} ×{row.visits} from {row.first_at:%Y-%m-%d %H:%M:%S}Z" for row in session.execute(query)]
        return "came through " + "; ".join(came) if came else "came through no channel"


plugin = CameThrough()
