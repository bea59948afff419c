"""The member card of 微信卡券 (`/card/*`), as issued since 2014 and still alive where an account has it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.core.errors import BadRequestError
from app.wechat.card_product import CardCode, CardFace, CardGoneError, CardHolder, Standing
from app.wechat.errors import WeChatError
from app.wechat.gateway import Gateway

_GONE = frozenset({40056, 40078, 40099, 40116, 40127})
"""Card error codes of the official table: invalid code, card status, redeemed already, invalid code, deleted or given away."""
_MOBILE = "USER_FORM_INFO_FLAG_MOBILE"
_LONGEST = {"title": 9, "brand": 12, "notice": 16, "description": 1024}
_NOTE = 14
_MOST = 2**31 - 1


class LegacyCard:
    name = "legacy"

    def create(self, gateway: Gateway, face: CardFace) -> str | None:
        """`/card/create`, then the one-tap form that asks for the phone. Raises BadRequestError for a text that is too long."""
        for field, limit in _LONGEST.items():
            if not 0 < len(getattr(face, field)) <= limit:
                raise BadRequestError(f"{field} 应为 1 到 {limit} 个字 / {field} has 1 to {limit} characters", code="bad_face")
        base = {
            "logo_url": face.logo_url,
            "brand_name": face.brand,
            "code_type": "CODE_TYPE_QRCODE",
            "title": face.title,
            "color": face.colour,
            "notice": face.notice,
            "description": face.description,
            "date_info": {"type": "DATE_TYPE_PERMANENT"},
            "sku": {"quantity": face.quantity},
            "get_limit": 1,
            "can_share": False,
            "can_give_friend": False,
        }
        card = {
            "base_info": base,
            "prerogative": face.privileges,
            "supply_bonus": True,
            "supply_balance": face.shows_value,
            "wx_activate": True,
        }
        answer = gateway.call("/card/create", {"card": {"card_type": "MEMBER_CARD", "member_card": card}})
        card_id = str(answer["card_id"])
        form = {"can_modify": False, "common_field_id_list": [_MOBILE]}
        gateway.call("/card/membercard/activateuserform/set", {"card_id": card_id, "required_form": form})
        return card_id

    def activate(self, gateway: Gateway, card: CardCode, *, number: str, standing: Standing) -> None:
        body = {"membership_number": number, "code": card.code, "card_id": card.card_id, "init_bonus": _bounded(standing.points)}
        if standing.value_fen is not None:
            body["init_balance"] = _bounded(standing.value_fen)
        with _gone():
            gateway.call("/card/membercard/activate", body)

    def update(self, gateway: Gateway, card: CardCode, *, standing: Standing, note: str) -> None:
        """`bonus` and `balance` are the absolute fields: the call may be repeated, and the newest values win."""
        body: dict[str, Any] = {
            "code": card.code,
            "card_id": card.card_id,
            "bonus": _bounded(standing.points),
            "record_bonus": note[:_NOTE],
            "notify_optional": {"is_notify_bonus": True, "is_notify_balance": standing.value_fen is not None},
        }
        if standing.value_fen is not None:
            body |= {"balance": _bounded(standing.value_fen), "record_balance": note[:_NOTE]}
        with _gone():
            gateway.call("/card/membercard/updateuser", body)

    def consume(self, gateway: Gateway, card: CardCode) -> None:
        """A code that was used up before counts as gone."""
        with _gone():
            gateway.call("/card/code/consume", {"code": card.code, "card_id": card.card_id})

    def read_member(self, gateway: Gateway, card: CardCode) -> CardHolder | None:
        with _gone():
            answer = gateway.call("/card/membercard/userinfo/get", {"code": card.code, "card_id": card.card_id})
        return CardHolder(
            openid=str(answer.get("openid") or ""),
            number=str(answer.get("membership_number") or ""),
            points=_number(answer.get("bonus")),
            value_fen=_number(answer.get("balance")),
            phone=_phone(answer.get("user_info")),
            active=bool(answer.get("has_active")),
        )


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except WeChatError as error:
        if error.code in _GONE:
            raise CardGoneError("会员卡已不在卡包里 / the card is in no wallet any more") from error
        raise


def _bounded(amount: int) -> int:
    """The platform's integers end at 2^31; the ledger's do not."""
    return min(max(amount, 0), _MOST)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _phone(info: object) -> str:
    fields = info.get("common_field_list") if isinstance(info, Mapping) else None
    for entry in fields if isinstance(fields, list) else []:
        if isinstance(entry, Mapping) and entry.get("name") == _MOBILE:
            return str(entry.get("value") or "")[:40]
    return ""


plugin = LegacyCard()
