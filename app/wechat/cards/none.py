"""No card at WeChat: the member's card is our own page, and nothing is told to anybody."""

from app.wechat.card_product import CardCode, CardFace, CardHolder, Standing
from app.wechat.gateway import Gateway


class NoCard:
    name = "none"

    def create(self, gateway: Gateway, face: CardFace) -> str | None:
        del gateway, face
        return None

    def activate(self, gateway: Gateway, card: CardCode, *, number: str, standing: Standing) -> None:
        """Nothing is shown anywhere."""

    def update(self, gateway: Gateway, card: CardCode, *, standing: Standing, note: str) -> None:
        """Nothing is shown anywhere."""

    def consume(self, gateway: Gateway, card: CardCode) -> None:
        """There is no code to use up."""

    def read_member(self, gateway: Gateway, card: CardCode) -> CardHolder | None:
        del gateway, card
        return None


plugin = NoCard()
