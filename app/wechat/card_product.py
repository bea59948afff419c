"""What every card product of WeChat has in common: create, activate, update with absolute values, consume, read a member."""

from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from app.core.errors import BadRequestError, FankaError
from app.core.registry import discover
from app.wechat.gateway import Gateway


class CardGoneError(FankaError):
    """The card is in nobody's wallet any more: deleted, given away or void. There is nothing left to update."""

    status = 410
    code = "card_gone"


@dataclass(frozen=True, slots=True)
class CardFace:
    """How a kind of card looks. WeChat counts a title of 9, a brand of 12, a notice of 16 and a description of 1 024 characters at most."""

    title: str
    brand: str
    logo_url: str
    notice: str
    description: str
    privileges: str
    colour: str = "Color010"
    quantity: int = 100_000_000
    shows_value: bool = False
    """Whether stored value is shown: a right of its own at the platform."""


@dataclass(frozen=True, slots=True)
class CardCode:
    """One member's card in his wallet."""

    card_id: str
    code: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a card shows: absolute, with our ledger as the truth. `value_fen` is None where the product does not show stored value."""

    points: int
    value_fen: int | None = None


@dataclass(frozen=True, slots=True)
class CardHolder:
    """What the platform says about a member's card. `phone` is what he consented to give, in the platform's own writing."""

    openid: str = field(repr=False)
    number: str
    points: int
    value_fen: int
    phone: str = field(repr=False)
    active: bool


class CardProduct(Protocol):
    """One file of `app.wechat.cards`. Every method raises WeChatError, and CardGoneError for a card that is in no wallet.

    Each may be repeated: `create` is the only one that makes something new each time.
    """

    name: str

    def create(self, gateway: Gateway, face: CardFace) -> str | None:
        """Make a kind of card and say the platform's id of it; None where the product has none."""
        ...

    def activate(self, gateway: Gateway, card: CardCode, *, number: str, standing: Standing) -> None:
        """Show a card that was taken as the member's own, under his number."""
        ...

    def update(self, gateway: Gateway, card: CardCode, *, standing: Standing, note: str) -> None:
        """Show these absolute values. `note` is at most 14 characters."""
        ...

    def consume(self, gateway: Gateway, card: CardCode) -> None:
        """Use up a card's code."""
        ...

    def read_member(self, gateway: Gateway, card: CardCode) -> CardHolder | None:
        """What the platform knows of the holder; None where the product does not say."""
        ...


@cache
def card_products() -> dict[str, CardProduct]:
    """Every product by name."""
    return {plugin.name: plugin for plugin in discover("app.wechat.cards")}


def card_product(name: str) -> CardProduct:
    """A product by its name. Raises BadRequestError."""
    found = card_products().get(name)
    if found is None:
        raise BadRequestError(f"没有这种卡适配器 {name} / there is no card adapter {name}", code="bad_adapter")
    return found
