"""What WeChat's answers become for the rooms above."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FollowerPage:
    """Up to 10 000 openids; `next_openid` is where the next page starts, empty after the last."""

    total: int
    openids: list[str]
    next_openid: str


@dataclass(frozen=True, slots=True)
class WeChatTag:
    """A tag on WeChat's side; `count` is how many followers carry it."""

    tag_id: int
    name: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class QrTicket:
    """A code with a scene: `url` is what its picture says; `expire_s` is 0 for a permanent one."""

    ticket: str
    url: str
    expire_s: int


@dataclass(frozen=True, slots=True)
class Template:
    """A message template of an account; `content` holds its fields as `{{thing1.DATA}}`."""

    template_id: str
    title: str
    content: str


@dataclass(frozen=True, slots=True)
class MassReceipt:
    """An accepted mass message; `repeated` when its client id was sent before and the first one stands."""

    msg_id: str
    msg_data_id: str = ""
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class MiniSession:
    """Who logged in to a mini program. `session_key` never goes to a client."""

    openid: str = field(repr=False)
    session_key: str = field(repr=False)
    unionid: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone number that WeChat vouches for: `number` without the country's code."""

    number: str = field(repr=False)
    country_code: str
