"""The words of the phone pages: Chinese written first by hand, English beside it, never mixed on one page."""

from dataclasses import dataclass
from typing import Final

from app.core.errors import FankaError
from app.web.h5.coupon_sentences import SENTENCES as OF_COUPONS
from app.web.h5.receipt_sentences import SENTENCES as OF_RECEIPTS
from app.web.h5.sentences import KINDS, SENTENCES

LANGUAGES: Final = ("zh", "en")
_TAGS: Final = {"zh": "zh-Hans-CN", "en": "en"}
_BY_STATUS: Final = {
    403: ("现在不能这样做", "this cannot be done now"),
    404: ("没有这个页面：链接可能写错了，或已经失效。", "There is no such page: the link may be wrong or over."),
    405: ("这个地址不能直接打开，请从会员卡页面进入。", "This address cannot be opened by itself; start from your card."),
    409: ("现在不能这样做", "this cannot be done now"),
    413: ("填写的内容太长，请缩短后再试", "what you typed is too long; shorten it and try again"),
    429: ("操作太频繁，请稍后再试", "too often; try again later"),
}
_AWAY: Final = ("请稍后再试，您的积分和优惠券不受影响。", "Try again in a moment; your points and coupons are as they were.")


@dataclass(frozen=True, slots=True)
class Words:
    """Called with the name of a sentence, and what it leaves open."""

    lang: str

    @property
    def index(self) -> int:
        return LANGUAGES.index(self.lang)

    @property
    def tag(self) -> str:
        return _TAGS[self.lang]

    @property
    def other(self) -> str:
        return LANGUAGES[1 - self.index]

    def __call__(self, name: str, /, **open_places: object) -> str:
        both = next(held[name] for held in (OF_COUPONS, OF_RECEIPTS, SENTENCES) if name in held)
        return both[self.index].format(**open_places)

    def pick(self, both: tuple[str, str]) -> str:
        """One of two texts; the Chinese one when there is no English."""
        return both[self.index] or both[0]

    def tier(self, name: str, name_en: str) -> str:
        return self.pick((name, name_en))

    def kind(self, kind: str) -> str:
        """What a kind of movement is called."""
        return self.pick(KINDS.get(kind, (kind, kind)))

    def of_error(self, error: FankaError) -> str:
        """A refusal's own sentence in this language, else what its status means."""
        for between in (" / ", " · "):
            zh, found, en = error.detail.partition(between)
            if found and any("\u3400" <= sign <= "\u9fff" for sign in zh):
                return self.pick((zh, capital(en)))
        return capital(self.pick(_BY_STATUS.get(error.status, _AWAY)))


def capital(sentence: str) -> str:
    """A sentence that begins with a capital; Chinese has none."""
    return sentence[:1].upper() + sentence[1:]


def choose(asked: str | None, kept: str | None, accepted: str) -> Words:
    """The language asked for, else the one kept, else the browser's first of ours, else Chinese."""
    for named in (asked, kept):
        if named in LANGUAGES:
            return Words(named)
    for part in accepted[:200].lower().split(","):
        tag = part.split(";")[0].strip()[:2]
        if tag in LANGUAGES:
            return Words(tag)
    return Words("zh")
