"""Logs say what happened and never to whom."""

import json
import logging

from app.core.log import _Line, get_logger, mask


def line(caplog, **fields):
    with caplog.at_level(logging.INFO, logger="fanka"):
        get_logger("test").info("happened", **fields)
    return json.loads(_Line().format(caplog.records[-1]))


def test_personal_fields_are_masked_by_name(caplog):
    entry = line(caplog, openid="oLinxxxxxxxxxxxxxxxxxxxxxxx3", phone="13800000003", token="secret-token", text="你好", account="wx1")
    written = json.dumps(entry, ensure_ascii=False)
    for secret in ("oLin", "1380000", "secret-token", "你好"):
        assert secret not in written
    assert entry["account"] == "wx1"
    assert entry["openid"].endswith("x3(28)")


def test_the_message_of_an_exception_stays_out(caplog):
    with caplog.at_level(logging.INFO, logger="fanka"):
        try:
            int("the customer said 13800000003")
        except ValueError:
            get_logger("test").exception("failed")
    entry = json.loads(_Line().format(caplog.records[-1]))
    assert entry["error"] == "ValueError"
    assert "1380" not in json.dumps(entry)
    assert entry["where"].startswith("test_log.py:")


def test_mask_shows_only_what_a_person_can_compare():
    assert mask("") == ""
    assert mask("short") == "***(5)"
    assert mask("long-enough-value") == "***ue(17)"
