"""One line each on why no token comes."""

import pytest

from app.wechat.errors import AccountRefused, Unanswered, Unreached, WeChatError
from app.wechat.probe import check_token


class Refusing:
    def __init__(self, error: WeChatError | None) -> None:
        self.error = error

    def check_token(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "chinese", "english"),
    [
        (AccountRefused(40013, "invalid appid rid: 1"), "AppID 不合法", "invalid AppID"),
        (AccountRefused(40125, "invalid appsecret rid: 1"), "AppSecret 无效", "invalid AppSecret"),
        (AccountRefused(40001, "invalid credential rid: 1"), "AppSecret 错误 (40001)", "wrong AppSecret (40001)"),
        (AccountRefused(40164, "invalid ip 203.0.113.7, not in whitelist rid: 1"), "白名单", "whitelist: add it in the console (40164) invalid ip 203.0.113.7"),
        (Unreached("no way"), "连不上微信接口", "WeChat cannot be reached"),
        (Unanswered("nothing"), "没有应答", "no answer"),
    ],
)  # fmt: skip
def test_a_failure_is_explained_in_one_line(error: WeChatError, chinese: str, english: str) -> None:
    check = check_token(Refusing(error))  # type: ignore[arg-type]
    assert (check.ok, check.code) == (False, error.code)
    assert "\n" not in check.line
    first, second = check.line.split(" / ")
    assert chinese in first
    assert english in second


def test_a_good_token_is_said_to_be_good() -> None:
    assert check_token(Refusing(None)).ok  # type: ignore[arg-type]
