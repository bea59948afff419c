"""Who follows the account, and what WeChat tells about them (no nickname or portrait since 2021-12-27)."""

from collections.abc import Sequence
from typing import Any

from app.wechat.answers import mappings, texts, whole
from app.wechat.areas.base import Area
from app.wechat.shapes import FollowerPage


class Followers(Area):
    def list_followers(self, next_openid: str = "") -> FollowerPage:
        """One page of up to 10 000 openids, from the one after `next_openid`."""
        answer = self._client.user.get_followers(next_openid or None)
        total = whole(answer, "total", appid=self._appid)
        openids = texts((answer.get("data") or {}).get("openid", []), appid=self._appid)
        return FollowerPage(total, openids, str(answer.get("next_openid") or "") if openids else "")

    def read_followers(self, openids: Sequence[str]) -> list[dict[str, Any]]:
        """`user/info` of up to 100 people, as WeChat writes it: subscribe 0 or 1, openid, unionid, subscribe_time, tagid_list..."""
        return mappings(self._client.user.get_batch(list(openids)), appid=self._appid)

    def read_follower(self, openid: str) -> dict[str, Any]:
        """`user/info` of one person."""
        return mappings([self._client.user.get(openid)], appid=self._appid)[0]
