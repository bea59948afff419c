"""The number of a slip as everybody means it: what a till prints, a clerk types and a customer copies is one number."""

import re
import unicodedata

_OTHER = re.compile(r"[^0-9A-Z]")


def slip_key(number: str, *, store_code: str) -> str | None:
    """A number without blanks, signs, leading zeros and the store's own code; None when nothing is left of it.

    Numbers made at our counter begin with the store's code and a dash, which the printed slip does not show.
    """
    written = unicodedata.normalize("NFKC", number).strip().upper()
    written = written.removeprefix(f"{store_code.upper()}-")
    return _OTHER.sub("", written).lstrip("0")[:64] or None
