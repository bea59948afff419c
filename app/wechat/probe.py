"""What `fanka doctor` and `account check` ask: does this account's token come, and if not, why, in one line."""

from dataclasses import dataclass

from app.wechat.errors import NO_CODE, Unreached, WeChatError
from app.wechat.gateway import Gateway


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """`line` explains in Chinese, then English; `code` is WeChat's, 0 when it gave none."""

    ok: bool
    code: int
    line: str


def check_token(gateway: Gateway) -> TokenCheck:
    """Ask WeChat for a token now; never raises."""
    try:
        gateway.check_token()
    except WeChatError as error:
        return TokenCheck(ok=False, code=error.code, line=explain_failure(error))
    return TokenCheck(ok=True, code=NO_CODE, line="凭证正常 / the token is good")


def explain_failure(error: WeChatError) -> str:
    """One line on why no token came."""
    if error.code == 40001:
        # From a token call this code can only mean the secret.
        return "AppSecret 错误 (40001)：请在公众平台核对或重置 / wrong AppSecret (40001): compare it with the console or reset it there"
    if error.code == 40164:
        return f"{_numbered(error)} {error.message.partition(' rid')[0]}"
    if error.code != NO_CODE:
        return _numbered(error)
    if isinstance(error, Unreached):
        return "连不上微信接口：请检查网络与 FANKA_WECHAT_API_URL / WeChat cannot be reached: check the network and FANKA_WECHAT_API_URL"
    return "微信接口没有应答 / WeChat gave no answer"


def _numbered(error: WeChatError) -> str:
    chinese, _, english = error.explained.partition(" / ")
    return f"{chinese} ({error.code}) / {english or chinese} ({error.code})"
