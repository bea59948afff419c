"""A channel's code was scanned: 扫描渠道码."""

from collections.abc import Collection
from uuid import UUID

from pydantic import Field

from tagging.rule import Params, Seen, Window


class ChannelParams(Params):
    channels: list[UUID] = Field(default_factory=list, max_length=200)
    """Public ids of channels; none means every channel."""
    follow_only: bool = False
    """Only scans that made somebody a follower."""


class ChannelRule:
    name = "channel"
    title = "扫描渠道码 · channel code scanned"
    params = ChannelParams

    def listens(self, params: ChannelParams) -> Collection[str]:
        del params
        return ("qr.scanned",)

    def window(self, params: ChannelParams) -> Window | None:
        del params
        return None

    def decide(self, params: ChannelParams, seen: Seen) -> float:
        if seen.channel is None or (params.follow_only and seen.fact.data.get("following") is not False):
            return 0.0
        return float(not params.channels or UUID(seen.channel) in params.channels)


plugin = ChannelRule()
