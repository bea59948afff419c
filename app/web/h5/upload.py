"""A form with a file in it: bounded while it is read, and never on a disk, where a stranger's picture would lie open."""

import io

from flask import request
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import MultiPartParser

from app.core.errors import BadRequestError
from app.web.h5.door import MAX_FORM, Door
from app.web.limits import read_bounded

_MOST_PARTS = 16
_MOST_AT_ONCE = 256 * 1024
"""What the parser may hold of fields and of its own buffer; the file goes past both."""


def read_upload(door: Door, name: str, *, limit: int, too_large: BadRequestError) -> tuple[dict[str, str], bytes]:
    """The fields of a form of ours and the file called `name` in it, at most `limit` bytes; empty when there is none.

    Raises `too_large`, BadRequestError for what is no such form, and what `door.form` raises.
    """
    try:
        body = read_bounded(request.environ, limit=limit + MAX_FORM)
        parser = MultiPartParser(lambda *_, **__: io.BytesIO(), max_form_memory_size=_MOST_AT_ONCE, max_form_parts=_MOST_PARTS)
        fields, files = parser.parse(io.BytesIO(body), request.mimetype_params["boundary"].encode("ascii"), len(body))
    except BadRequestError as error:
        raise too_large if error.status == too_large.status else _unreadable() from error
    except (ValueError, KeyError, HTTPException) as error:
        raise _unreadable() from error
    given = door.own_form(fields)
    file = files.get(name)
    sent = b"" if file is None else file.read(limit + 1)
    if len(sent) > limit:
        raise too_large
    return given, sent


def _unreadable() -> BadRequestError:
    return BadRequestError("表单无法读取，请返回重试 / this form cannot be read; go back and try again", code="bad_form")
