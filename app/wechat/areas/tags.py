"""Tags on WeChat's side: at most 100 an account, 20 a follower, 50 openids a batch; ours are the truth and these a projection."""

from collections.abc import Sequence

from app.wechat.answers import mappings, text, texts, whole
from app.wechat.areas.base import Area
from app.wechat.errors import Unanswered
from app.wechat.shapes import FollowerPage, WeChatTag


class Tags(Area):
    def list_tags(self) -> list[WeChatTag]:
        """Every tag, the system's own included."""
        found = mappings(self._client.tag.get(), appid=self._appid)
        return [WeChatTag(whole(each, "id", appid=self._appid), str(each.get("name", "")), int(each.get("count") or 0)) for each in found]

    def create_tag(self, name: str) -> WeChatTag:
        """A new tag. 45157: name illegal or taken; 45158: over 30 bytes; 45056: there are 100."""
        made = self._client.tag.create(name)
        return WeChatTag(whole(made, "id", appid=self._appid), text(made, "name", appid=self._appid))

    def rename_tag(self, tag_id: int, name: str) -> None:
        """Another name for a tag."""
        self._client.tag.update(tag_id, name)

    def delete_tag(self, tag_id: int) -> None:
        """Take a tag off everybody and forget it. 45058: the system's; 45057: over 100 000 followers."""
        self._client.tag.delete(tag_id)

    def tag_followers(self, tag_id: int, openids: Sequence[str]) -> None:
        """Put a tag on up to 50 followers. 45059: one of them has 20 already."""
        self._client.tag.tag_user(tag_id, list(openids))

    def untag_followers(self, tag_id: int, openids: Sequence[str]) -> None:
        """Take a tag off up to 50 followers."""
        self._client.tag.untag_user(tag_id, list(openids))

    def list_tag_followers(self, tag_id: int, next_openid: str = "") -> FollowerPage:
        """One page of up to 10 000 followers who carry a tag; `total` is the number on this page."""
        answer = self._client.tag.get_tag_users(tag_id, next_openid or None)
        openids = texts((answer.get("data") or {}).get("openid", []), appid=self._appid)
        return FollowerPage(whole(answer, "count", appid=self._appid), openids, str(answer.get("next_openid") or "") if openids else "")

    def list_follower_tags(self, openid: str) -> list[int]:
        """The ids of the tags one follower carries."""
        found = self._client.tag.get_user_tag(openid)
        if not isinstance(found, list) or not all(isinstance(each, int) for each in found):
            raise Unanswered("WeChat's answer holds no tags", self._appid)
        return found
