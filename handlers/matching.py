"""How a pattern is held against what a person wrote: exact, contained, or by a regular expression in linear time."""

import unicodedata

import re2

from app.core.errors import BadRequestError
from handlers.models import Match

# WeChat lets a person write 2 048 bytes; nothing beyond this is looked at.
MAX_TEXT = 2048
MAX_PATTERN = 256
_REGEX_MEMORY = 1 << 20


def plain(text: str) -> str:
    """A text as keywords see it: full-width and half-width, upper and lower case are one, spaces around it do not count."""
    return unicodedata.normalize("NFKC", text[:MAX_TEXT]).strip().casefold()


def compile_regex(pattern: str) -> "re2._Regexp":
    """A compiled expression. RE2 has no backtracking, so its time is linear in the text. Raises BadRequestError."""
    options = re2.Options()
    options.max_mem = _REGEX_MEMORY
    options.log_errors = False
    options.case_sensitive = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        shown = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise BadRequestError(f"the regular expression does not compile: {shown[:120]}", code="bad_pattern") from error


def check_pattern(pattern: str, match: Match) -> str:
    """A pattern as it is stored. Raises BadRequestError when it could never match or is not a regular expression."""
    if len(pattern) > MAX_PATTERN or not pattern.isprintable():
        raise BadRequestError(f"a pattern has at most {MAX_PATTERN} printable characters", code="bad_pattern")
    if match is Match.REGEX:
        compile_regex(pattern)
        return pattern
    if not plain(pattern):
        raise BadRequestError("a pattern needs at least one character that is not a space", code="bad_pattern")
    return pattern.strip()
