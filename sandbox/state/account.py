"""An official account or mini program, and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sandbox.state.identity import original_id

if TYPE_CHECKING:
    from sandbox.state.person import Contact
    from sandbox.state.quotas import Counters

Kind = Literal["service", "subscription", "mini", "website"]
Mode = Literal["plain", "compatible", "safe"]


@dataclass(slots=True)
class Tag:
    """A tag on the platform's side."""

    id: int
    name: str
    openids: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class Template:
    """A message template; `fields` are the names inside `{{name.DATA}}`, in order."""

    template_id: str
    title: str
    content: str
    fields: tuple[str, ...]
    purpose: str = "template"


@dataclass(slots=True)
class QrCode:
    """A code with a scene; `expires_at` is unix seconds, 0 for a permanent one."""

    ticket: str
    scene: str
    is_text: bool
    url: str
    expires_at: float


@dataclass(slots=True)
class Media:
    """An uploaded file; only its nature is kept, and up to a few KiB of an image for the page."""

    media_id: str
    type: str
    created_at: int
    size: int
    permanent: bool = False


@dataclass(slots=True)
class CardCode:
    """One card in one person's wallet."""

    code: str
    card_id: str
    openid: str
    person: str
    status: str = "NORMAL"
    outer_str: str = ""
    membership_number: str = ""
    bonus: int = 0
    balance: int = 0
    active: bool = False
    begin_time: int = 0
    end_time: int = 0
    form: dict[str, str] = field(default_factory=dict)
    custom_fields: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Card:
    """A kind of card the account created, as it was sent to /card/create."""

    card_id: str
    card_type: str
    body: dict[str, object]
    quantity: int
    get_limit: int
    status: str = "CARD_STATUS_VERIFY_OK"
    form: dict[str, object] = field(default_factory=dict)
    next_code: int = 1


@dataclass(slots=True)
class Account:
    """One account with its settings and its state on the platform."""

    appid: str
    secret: str
    kind: Kind
    name: str
    token: str
    aes_key: str
    mode: Mode
    callback_url: str
    open_platform: str
    format: Literal["xml", "json"]
    counters: Counters
    original_id: str = ""
    contacts: dict[str, Contact] = field(default_factory=dict)
    followers: int = 0
    tags: dict[int, Tag] = field(default_factory=dict)
    next_tag: int = 100
    menu: dict[str, object] | None = None
    conditional_menus: dict[int, dict[str, object]] = field(default_factory=dict)
    next_menu: int = 200_000_001
    templates: dict[str, Template] = field(default_factory=dict)
    codes: dict[str, QrCode] = field(default_factory=dict)
    scenes: dict[str, QrCode] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    card_codes: dict[str, CardCode] = field(default_factory=dict)
    client_messages: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    mass_sends: dict[str, tuple[float, int]] = field(default_factory=dict)
    mass_states: dict[int, str] = field(default_factory=dict)
    mass_floor: tuple[int, int] = (0, 0)
    mass_speed: int = 0
    popups: dict[tuple[str, str], int] = field(default_factory=dict)
    follow_order: list[str] | None = None

    def __post_init__(self) -> None:
        """Derive the `gh_` id."""
        self.original_id = original_id(self.appid)

    def public(self) -> dict[str, object]:
        """Return what the control plane lists: everything but secret, token and key."""
        return {
            "appid": self.appid,
            "kind": self.kind,
            "name": self.name,
            "mode": self.mode,
            "callback_url": self.callback_url,
            "open_platform": self.open_platform,
            "format": self.format,
            "original_id": self.original_id,
            "followers": self.followers,
            "quota_used": self.counters.all(),
        }

    def follower_openids(self) -> list[str]:
        """Return the openids of all followers, sorted, so that a page's next_openid stays valid in between."""
        if self.follow_order is None:
            self.follow_order = sorted(key for key, contact in self.contacts.items() if contact.following)
        return self.follow_order
