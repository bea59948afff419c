"""The rows of a bundle as schemas: every field bounded, every date a day in Asia/Shanghai, every amount a whole number."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from app.core.errors import BadRequestError
from cards.birthdays import tidy_birthday
from cards.expiry import midnight
from cards.ledger.post import MOST
from cards.numbers import tidy_number
from cards.old_numbers import tidy_old_number
from cards.phones import tidy_phone

Key = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Amount = Annotated[int, Field(ge=1, le=MOST)]
Total = Annotated[int, Field(ge=0, le=MOST)]


def _phone(written: Any) -> str:
    try:
        return tidy_phone(str(written))
    except BadRequestError as error:
        raise ValueError("not a mobile number of 11 digits") from error


def _number(written: Any) -> str | None:
    if written in (None, ""):
        return None
    found = tidy_number(str(written)) or tidy_old_number(str(written))
    if found is None:
        raise ValueError("not a card number: 4 to 40 letters and digits")
    return found


def _birthday(written: Any) -> str | None:
    if written in (None, ""):
        return None
    try:
        return tidy_birthday(str(written))
    except BadRequestError as error:
        raise ValueError("not a day written MM-DD or YYYY-MM-DD") from error


def _day(written: Any) -> Any:
    return None if written in (None, "") else str(written).replace("/", "-").split(" ", maxsplit=1)[0]


def _whole(written: Any) -> Any:
    return None if written in (None, "") else str(written).replace(",", "")


Day = Annotated[date | None, BeforeValidator(_day)]
Whole = Annotated[Total | None, BeforeValidator(_whole)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    member_id: Key


class MemberRow(_Row):
    """`points` and `balance_fen` are the vendor's own totals: what the other files say must add up to them.

    A card number of ours (16 digits with Luhn's check digit) is kept; any other becomes an old number that leads to the new card.
    """

    phone: Annotated[str, BeforeValidator(_phone)]
    card_number: Annotated[str | None, BeforeValidator(_number)] = None
    name: Annotated[str, StringConstraints(max_length=64)] = ""
    tier: Annotated[str, StringConstraints(max_length=32)] = ""
    tier_until: Day = None
    birthday: Annotated[str | None, BeforeValidator(_birthday)] = None
    joined_on: Day = None
    store: Annotated[str, StringConstraints(max_length=32)] = ""
    points: Whole = None
    balance_fen: Whole = None

    @property
    def own_number(self) -> str | None:
        """The number to go on with, when it is one of ours."""
        return None if self.card_number is None else tidy_number(self.card_number)

    @property
    def old_number(self) -> str | None:
        """The number that only finds its member."""
        return self.card_number if self.own_number is None else None


class PointsRow(_Row):
    """One lot. It can be used from `available_on` (today when empty) to the end of `expires_on` (for good when empty)."""

    points: Annotated[Amount, BeforeValidator(_whole)]
    expires_on: Day = None
    available_on: Day = None


class BalanceRow(_Row):
    """Stored value."""

    balance_fen: Annotated[Amount, BeforeValidator(_whole)]


class CouponRow(_Row):
    """One coupon of a template of ours, good to the end of `expires_on`, else by the template's own word."""

    coupon_id: Key
    template: Key
    expires_on: Day = None


SCHEMAS: dict[str, type[_Row]] = {"members": MemberRow, "points": PointsRow, "balances": BalanceRow, "coupons": CouponRow}


def read_row(name: str, row: dict[str, str]) -> _Row:
    """A row by its schema. Raises ValueError with one line that names the field; the value, which may be personal, is not in it."""
    try:
        return SCHEMAS[name].model_validate(row)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "row"
        raise ValueError(f"{field}: {first['msg']}") from None


def end_of(day: date | None) -> datetime | None:
    """The moment after a day in Asia/Shanghai (UTC); None for none."""
    return None if day is None else midnight(day + timedelta(days=1))


def start_of(day: date | None) -> datetime | None:
    """The first moment of a day in Asia/Shanghai (UTC); None for none."""
    return None if day is None else midnight(day)
