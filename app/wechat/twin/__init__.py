"""The gateway's twin: WeChat in memory, with its quotas, windows and refusals, for tests that need no process."""

from app.wechat.twin.platform import Sent, Twin

__all__ = ["Sent", "Twin"]
