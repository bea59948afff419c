"""Each code of the platform asks one thing of the caller."""

import pytest

from app.core.errors import FankaError
from app.wechat.errors import (
    CODES,
    AccountRefused,
    BadPayload,
    RecipientRefused,
    Throttled,
    Transient,
    Unanswered,
    Unreached,
    WeChatError,
    account_error,
    error_of,
    explain,
)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((-1, 40001, 40014, 42001, -999), Transient),
        ((40003, 43004, 43019, 43101, 45015, 45047), RecipientRefused),
        ((40013, 40125, 40164, 45109, 48001, 48123, 50002, 50999, 89503, 89999), AccountRefused),
        ((40032, 40037, 41030, 45065, 45157, 45158, 47001, 47003, 40999, 46999), BadPayload),
        ((45009, 45011, 45028, 45066), Throttled),
    ],
)
def test_a_code_decides_how_the_caller_behaves(codes: tuple[int, ...], kind: type[WeChatError]) -> None:
    for code in codes:
        error = error_of(code, "text rid: 68f0c1aa-1234abcd-12345678", "wx1")
        assert type(error) is kind
        assert (error.code, error.rid, error.appid) == (code, "68f0c1aa-1234abcd-12345678", "wx1")


def test_throttling_says_for_how_long() -> None:
    scopes = {code: error_of(code, "", "").scope for code in (45009, 45011, 45028) if isinstance(error_of(code, "", ""), Throttled)}  # type: ignore[attr-defined]
    assert scopes == {45009: "day", 45011: "minute", 45028: "day"}


def test_permanent_errors_tell_reactions_not_to_retry() -> None:
    for code, meaning in CODES.items():
        error = error_of(code, "", "")
        assert isinstance(error, FankaError)
        assert (error.status < 500) is (meaning.kind in {RecipientRefused, AccountRefused, BadPayload})


def test_only_some_errors_leave_the_outcome_open() -> None:
    assert not error_of(-1, "", "").outcome_known
    assert not Unanswered("", "").outcome_known
    for known in (Unreached(""), error_of(45009, "", ""), error_of(40003, "", "")):
        assert known.outcome_known


def test_a_wrong_credential_is_the_accounts_only_when_it_asks_for_a_token() -> None:
    assert type(account_error(40001, "invalid credential", "wx1")) is AccountRefused
    assert type(account_error(45011, "", "wx1")) is Throttled


def test_a_refused_field_is_named() -> None:
    assert error_of(47003, "argument invalid! data.thing4.value invalid rid: 68f0c1aa-1234", "").field == "thing4"
    assert error_of(47003, "argument invalid!", "").field == ""


def test_every_code_is_explained_in_both_languages() -> None:
    for code in CODES:
        chinese, _, english = explain(code).partition(" / ")
        assert not chinese.isascii()
        assert english.isascii()
    assert "12345" in explain(12345)
