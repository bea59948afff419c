"""Bodies within bounds: every field kept, both forms alike, and nothing but our refusals."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import BadRequestError
from app.wechat.bodies import MAX_BODY_BYTES, read_body, read_json, read_xml
from tests.fuzz.bodies import xml


def refusal(body: bytes, *, json_allowed: bool = True) -> BadRequestError:
    with pytest.raises(BadRequestError) as caught:
        read_body(body, json_allowed=json_allowed)
    assert 400 <= caught.value.status < 500
    return caught.value


def test_every_field_is_kept_and_blanks_around_cdata_go() -> None:
    body = b"<xml><CardId> <![CDATA[pAbc]]> </CardId>\n<Fee>100</Fee><Detail/><Long><![CDATA[a  b]]></Long></xml>"
    assert read_xml(body) == {"CardId": "pAbc", "Fee": "100", "Detail": "", "Long": "a  b"}


def test_repeated_children_become_lists() -> None:
    body = b"<xml><PicList><item><M>1</M></item><item><M>2</M></item></PicList><List>a</List><List>b</List><List>c</List></xml>"
    assert read_xml(body) == {"PicList": {"item": [{"M": "1"}, {"M": "2"}]}, "List": ["a", "b", "c"]}


@pytest.mark.parametrize("words", ["<!DOCTYPE html>", "<!ENTITY x>", "<?php ?>", "<!-- hi -->", "<![CDATA[", "a]]>b", "&amp;"])
def test_markup_in_a_customers_words_is_only_words(words: str) -> None:
    assert read_xml(xml({"Content": words}).encode()) == {"Content": words}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<xml",
        b"<xml/>",
        b"<xml>words</xml>",
        b"<html><a>1</a></html>",
        b"<xml><a>1</a></xml><xml/>",
        b"<!DOCTYPE xml><xml><a>1</a></xml>",
        b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><a>&a;</a></xml>',
        b"<xml><!-- no --><a>1</a></xml>",
        b"<xml><?no?><a>1</a></xml>",
        b"<?no?><xml><a>1</a></xml>",
        b"<xml><a b='c'>1</a></xml>",
        b"<xml xmlns='urn:x'><a>1</a></xml>",
        b"<xml>words<a>1</a></xml>",
        b"<xml><a>1</a>words</xml>",
        b"<xml><a>&nothing;</a></xml>",
        b"<xml><a>&#0;</a></xml>",
        b"<xml><a>\x00</a></xml>",
        b"<xml><a>\xff</a></xml>",
        b"<xml>" + b"<a>" * 9 + b"1" + b"</a>" * 9 + b"</xml>",
        b"<xml>" + b"<a>" * 8000 + b"</a>" * 8000 + b"</xml>",
        b"<xml>" + b"<a/>" * 1001 + b"</xml>",
        b"<xml><" + b"n" * 65 + b"/></xml>",
        "<xml><a>1</a></xml>".encode("utf-16"),
    ],
)
def test_malformed_xml_is_refused(body: bytes) -> None:
    assert refusal(body).code == "bad_body"


def test_other_encodings_are_refused_by_name() -> None:
    assert refusal(b'<?xml version="1.0" encoding="gbk"?><xml><a>1</a></xml>').code == "bad_encoding"
    assert refusal(b'{"a": "\xff"}').code == "bad_encoding"


def test_a_body_may_be_64_kib_and_not_a_byte_more() -> None:
    frame = b"<xml><a></a></xml>"
    fits = frame.replace(b"></a", b">" + b"x" * (MAX_BODY_BYTES - len(frame)) + b"</a")
    assert len(read_body(fits, json_allowed=False)["a"]) == MAX_BODY_BYTES - len(frame)
    assert refusal(fits + b" ").status == 413


def test_json_is_for_mini_programs() -> None:
    assert read_body(b' {"a": 1}', json_allowed=True) == {"a": "1"}
    assert refusal(b' {"a": 1}', json_allowed=False).code == "json_not_expected"


def test_json_scalars_read_as_the_text_xml_would_hold() -> None:
    body = b'{"a": 1, "b": 1.50, "c": true, "d": null, "e": [1, {"f": " x "}], "g": 12345678901234567890123}'
    assert read_json(body) == {"a": "1", "b": "1.50", "c": "true", "d": "", "e": ["1", {"f": "x"}], "g": "12345678901234567890123"}


def test_json_cannot_smuggle_in_what_the_store_refuses() -> None:
    assert read_json(b'{"a": "x\\u0000y", "b": "\\ud800", "c": "\\ud83d\\ude00"}') == {"a": "x\ufffdy", "b": "\ufffd", "c": "😀"}


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"": 1}',
        b'{"a\\u0000": 1}',
        b'{"a": 1} x',
        b'{"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"a": ' + b"[" * 10 + b"]" * 10 + b"}",
        b'{"a": [' + b"1," * 1000 + b"1]}",
        b'{"' + b"n" * 65 + b'": 1}',
    ],
)
def test_malformed_json_is_refused(body: bytes) -> None:
    assert refusal(body).code == "bad_body"


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=40).map(lambda text: text.strip(" \t\r\n"))
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)


@settings(deadline=None)
@given(st.dictionaries(NAMES, TEXT | st.dictionaries(NAMES, TEXT, min_size=1, max_size=4), min_size=1, max_size=8))
def test_both_forms_of_the_same_fields_read_the_same(fields: dict[str, object]) -> None:
    as_json = json.dumps(fields).encode()
    assert read_xml(xml(fields).encode()) == read_json(as_json) == fields


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: b"<xml><a>" + text.encode("utf-8", "replace") + b"</a></xml>"))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        fields = read_body(body, json_allowed=True)
    except BadRequestError:
        return
    assert fields
    json.dumps(fields).encode()
