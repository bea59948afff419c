"""Bodies as plain data: XML and JSON read within bounds into text, mappings and lists of these, every field kept."""

import json
import re
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError, XMLParser

from app.core.errors import BadRequestError

MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_NODES = 1000
MAX_NAME = 64

Fields = dict[str, Any]

# The root comes first but for a byte order mark and a declaration, so a document type has no place to stand.
_PROLOG = re.compile(rb"\A(?:\xef\xbb\xbf)?[ \t\r\n]*(?:<\?xml[ \t\r\n]([^<>?]{0,128})\?>[ \t\r\n]*)?<xml[ \t\r\n/>]")
_ENCODING = re.compile(rb"""encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']""")
_CDATA = re.compile(rb"<!\[CDATA\[.*?\]\]>", re.DOTALL)
_BLANK = " \t\r\n"
# What XML cannot carry and PostgreSQL's jsonb partly refuses; JSON can smuggle it in through escapes.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def read_body(body: bytes, *, json_allowed: bool) -> Fields:
    """The fields of a body in the form its first sign shows. Raises BadRequestError."""
    if len(body) > MAX_BODY_BYTES:
        raise BadRequestError("the body is over 64 KiB", code="body_too_large", status=413)
    if speaks_json(body):
        if not json_allowed:
            raise BadRequestError("JSON is for mini programs; set this account's data format to XML", code="json_not_expected")
        return read_json(body)
    return read_xml(body)


def speaks_json(body: bytes) -> bool:
    """Whether a body is JSON by its first sign, behind a byte order mark and blanks."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def read_xml(body: bytes) -> Fields:
    """The children of `<xml>`: text stripped of blanks, repeated elements as lists. Raises BadRequestError."""
    prolog = _PROLOG.match(body)
    if prolog is None:
        _refuse("the body is not an <xml> document in UTF-8")
    declared = _ENCODING.search(prolog[1] or b"")
    if declared is not None and declared[1].lower() not in {b"utf-8", b"utf8"}:
        raise BadRequestError("the body must be UTF-8", code="bad_encoding")
    _refuse_markup(body, start=prolog.end())
    # Bytes are UTF-8 whatever the declaration says; no document type gets here, so there is nothing to expand.
    parser = XMLParser(encoding="utf-8")  # noqa: S314
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError):
        _refuse("the XML is malformed")
    fields = _element(root, depth=0, budget=[MAX_NODES])
    if not isinstance(fields, dict):
        _refuse("the XML has no fields")
    return fields


def read_json(body: bytes) -> Fields:
    """A JSON object with every scalar as the text XML would have held. Raises BadRequestError."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequestError("the body must be UTF-8", code="bad_encoding") from None
    try:
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _refuse("the JSON is malformed")
    if not isinstance(value, dict) or not value:
        _refuse("the JSON is not an object with fields")
    plain = _value(value, depth=0, budget=[MAX_NODES])
    assert isinstance(plain, dict)
    return plain


def _refuse(detail: str) -> NoReturn:
    raise BadRequestError(detail, code="bad_body") from None


def _refuse_markup(body: bytes, *, start: int) -> None:
    """Refuse comments, declarations and processing instructions; the same signs inside CDATA are a customer's words."""
    if body.count(b"<!") == body.count(b"<![CDATA[") and body.find(b"<?", start) < 0:
        return
    bare = _CDATA.sub(b"", body[start:])
    if b"<!" in bare or b"<?" in bare:
        _refuse("comments, declarations and processing instructions have no place in a message")


def _element(element: Element, *, depth: int, budget: list[int]) -> Any:
    text = element.text
    if not len(element):
        return text.strip(_BLANK) if text else ""
    if depth >= MAX_DEPTH:
        _refuse(f"the body is nested deeper than {MAX_DEPTH}")
    budget[0] -= len(element)
    if budget[0] < 0:
        _refuse(f"the body has over {MAX_NODES} elements")
    if text is not None and text.strip(_BLANK):
        _refuse("text stands between elements")
    found: Fields = {}
    for child in element:
        name, tail = child.tag, child.tail
        if child.attrib or name[0] == "{" or len(name) > MAX_NAME or (tail is not None and tail.strip(_BLANK)):
            _refuse("attributes, namespaces and text between elements have no place in a message")
        # Most children are plain text; a call each would cost a third of the reading.
        value = _element(child, depth=depth + 1, budget=budget) if len(child) else (child.text or "").strip(_BLANK)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _no_repeats(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is repeated")
    return fields


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _value(value: Any, *, depth: int, budget: list[int]) -> Any:
    if isinstance(value, str):
        return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", value.strip(_BLANK))
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if depth > MAX_DEPTH:
        _refuse(f"the body is nested deeper than {MAX_DEPTH}")
    budget[0] -= len(value)
    if budget[0] < 0:
        _refuse(f"the body has over {MAX_NODES} values")
    if isinstance(value, list):
        return [_value(each, depth=depth + 1, budget=budget) for each in value]
    if any(not 0 < len(name) <= MAX_NAME or _UNFIT.search(name) for name in value):
        _refuse("a field's name is empty, too long or unfit")
    return {name: _value(each, depth=depth + 1, budget=budget) for name, each in value.items()}
