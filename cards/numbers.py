"""Card numbers: sixteen digits that say nothing about their member, the last one Luhn's check digit (ISO/IEC 7812-1)."""

import secrets
import unicodedata

LENGTH = 16
_LEAD = "8"
"""No bank's card begins so: the digit belongs to health care and telecommunications, and a till cannot mistake one for the other."""


def new_number() -> str:
    """A fresh number: fourteen random digits between the lead and the check digit. It may be taken; the table decides."""
    body = _LEAD + "".join(secrets.choice("0123456789") for _ in range(LENGTH - 2))
    return body + check_digit(body)


def check_digit(body: str) -> str:
    """Luhn's digit after `body`: it finds every single wrong digit and nearly every swap of neighbours."""
    total = 0
    for place, sign in enumerate(reversed(body)):
        digit = int(sign) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def tidy_number(written: str) -> str | None:
    """A number as it is stored, or None when it is none: wrong length, other signs, or a slip of the finger."""
    number = "".join(sign for sign in unicodedata.normalize("NFKC", written[:64]) if not sign.isspace() and sign != "-")
    if len(number) != LENGTH or not (number.isascii() and number.isdigit()) or check_digit(number[:-1]) != number[-1]:
        return None
    return number
