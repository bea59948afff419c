"""What WeChat refuses and why: one class for each way a caller has to behave, chosen by the platform's code."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from app.core.errors import FankaError

Scope = Literal["second", "minute", "day"]

TOKEN_CODES = frozenset({40001, 40014, 42001})
"""The token is wrong, unknown or expired: drop it if it is still the failing one and repeat the call once."""

NO_CODE = 0
"""The `code` of an error for which WeChat gave none."""

_RID = re.compile(r"\brid:? ?([0-9A-Za-z-]{8,64})")
_FIELD = re.compile(r"\bdata\.(\w{1,64})")


class WeChatError(FankaError):
    """A call that WeChat did not carry out, with the platform's `code` and `rid` and the account's `appid`.

    `status` is below 500 when repeating the same call cannot help.
    """

    status = 502
    reason: ClassVar[str] = "refused"
    code: int  # type: ignore[assignment]  # The platform's own number is the stable code here.

    def __init__(self, code: int, message: str, rid: str = "", appid: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.rid = rid
        self.appid = appid
        self.answer: Mapping[str, Any] = {}
        """What WeChat said besides: 45065 carries the first `msg_id`."""

    @property
    def outcome_known(self) -> bool:
        """False when WeChat may have done it all the same: then only a call with an idempotency id is repeated."""
        return self.code >= 0

    @property
    def explained(self) -> str:
        """The code in one line, Chinese first."""
        return explain(self.code)

    @property
    def field(self) -> str:
        """The template field that 47003 complains of (`thing4`), else empty."""
        found = _FIELD.search(self.message)
        return found[1] if found else ""


class Throttled(WeChatError):  # noqa: N818 - named for what happened, as the contract between rooms has it.
    """Too much in a second, minute or day (`scope`): nothing was sent, and later it will be."""

    status = 503
    reason = "throttled"

    def __init__(self, code: int, message: str, rid: str = "", appid: str = "", *, scope: Scope = "minute") -> None:
        super().__init__(code, message, rid, appid)
        self.scope: Scope = scope


class Transient(WeChatError):  # noqa: N818
    """The platform is busy (-1: it does not say whether it did it), or a token died twice in a row."""

    status = 503
    reason = "transient"


class RecipientRefused(WeChatError):  # noqa: N818
    """Permanent for this recipient: not a follower, window closed, refused."""

    status = 422
    reason = "recipient"


class AccountRefused(WeChatError):  # noqa: N818
    """Permanent for this account until a person changes something: secret, permission, whitelist, freeze."""

    status = 409
    reason = "account"


class BadPayload(WeChatError):  # noqa: N818
    """The call itself is wrong and stays wrong."""

    status = 422
    reason = "payload"


class Unanswered(WeChatError):  # noqa: N818
    """The request went out and no answer came that could be read: it may have been carried out."""

    status = 504
    reason = "unanswered"

    @property
    def outcome_known(self) -> bool:
        return False

    def __init__(self, message: str, appid: str = "") -> None:
        super().__init__(NO_CODE, message, "", appid)


class Unreached(WeChatError):  # noqa: N818
    """The request never left: nothing was carried out."""

    status = 503
    reason = "unreached"

    def __init__(self, message: str, appid: str = "") -> None:
        super().__init__(NO_CODE, message, "", appid)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code asks of the caller, and the sentence that explains it in both languages."""

    kind: type[WeChatError]
    zh: str
    en: str
    scope: Scope = "minute"


_R, _A, _B, _T, _L = RecipientRefused, AccountRefused, BadPayload, Transient, Throttled

# Sources: the platform's global return codes and the API pages named in the design; only codes that change what a caller does need a row.
CODES: Mapping[int, Meaning] = {
    -1: Meaning(_T, "系统繁忙，请稍后再试", "system busy, try again later"),
    40001: Meaning(_T, "AppSecret 错误，或 access_token 无效或已被更新的替换", "wrong AppSecret, or the token is invalid or was replaced"),
    40014: Meaning(_T, "access_token 不合法", "the token is not one WeChat gave out"),
    42001: Meaning(_T, "access_token 已过期", "the token has expired"),
    41001: Meaning(_T, "缺少 access_token", "the token is missing"),
    40002: Meaning(_B, "凭证类型不合法", "wrong grant type"),
    40003: Meaning(_R, "openid 不合法：不是本账号的粉丝", "invalid openid: not one of this account"),
    40004: Meaning(_B, "媒体文件类型不合法", "wrong media type"),
    40007: Meaning(_B, "媒体 id 不合法或已过期", "the media id is invalid or has expired"),
    40008: Meaning(_B, "消息类型不合法", "wrong message type"),
    40013: Meaning(_A, "AppID 不合法：请核对 AppID", "invalid AppID: compare it with the console"),
    40029: Meaning(_B, "code 无效或已过期", "the code is invalid or has expired"),
    40032: Meaning(_B, "openid 列表长度不合法", "the list of openids is empty or too long"),
    40037: Meaning(_B, "模板 id 不正确", "no such template"),
    40125: Meaning(_A, "AppSecret 无效：请在公众平台核对或重置", "invalid AppSecret: compare it with the console or reset it there"),
    40163: Meaning(_B, "code 已被使用", "the code has been used"),
    40164: Meaning(_A, "调用方 IP 不在白名单：请在公众平台加入本机 IP", "this machine's IP is not in the account's whitelist: add it in the console"),
    40226: Meaning(_R, "高风险用户，登录被拦截", "high-risk person, login blocked"),
    40243: Meaning(_A, "AppSecret 已被冻结", "the AppSecret is frozen"),
    41030: Meaning(_B, "页面路径不正确", "no such page"),
    43004: Meaning(_R, "需要接收者关注", "the recipient does not follow"),
    43019: Meaning(_R, "接收者在黑名单中", "the recipient is blacklisted"),
    43101: Meaning(_R, "用户拒绝接收", "the recipient refused or did not subscribe"),
    45009: Meaning(_L, "接口调用超过当日限额", "daily quota used up", "day"),
    45011: Meaning(_L, "调用太频繁，请稍后再试", "too many calls this minute", "minute"),
    45015: Meaning(_R, "回复时间超过限制：客服消息窗口已关闭", "the customer-service window is closed"),
    45028: Meaning(_L, "没有群发配额", "no mass quota left", "day"),
    45047: Meaning(_R, "客服下行条数超过上限", "no messages left in the customer-service window"),
    45056: Meaning(_B, "标签数量超过上限 100", "the account has 100 tags already"),
    45057: Meaning(_B, "标签下粉丝数超过 10 万，不能直接删除", "a tag with over 100 000 followers cannot be deleted"),
    45058: Meaning(_B, "不能修改系统标签 0/1/2", "tags 0, 1 and 2 belong to the system"),
    45059: Meaning(_R, "粉丝身上的标签数超过 20", "the follower has 20 tags already"),
    45065: Meaning(_B, "clientmsgid 已存在，返回首次的 msg_id", "this clientmsgid was sent before; the first msg_id stands"),
    45066: Meaning(_L, "相同 clientmsgid 重试过快", "the same clientmsgid was repeated too fast", "minute"),
    45109: Meaning(_A, "接口已下线", "the interface was withdrawn"),
    45157: Meaning(_B, "标签名非法，或与其他标签重名", "the tag name is illegal or taken"),
    45158: Meaning(_B, "标签名长度超过 30 个字节", "the tag name is over 30 bytes"),
    45159: Meaning(_B, "标签 id 非法", "no such tag"),
    46003: Meaning(_B, "没有菜单", "there is no menu"),
    47001: Meaning(_B, "JSON 解析错误", "the body is not the JSON WeChat wants"),
    47003: Meaning(_B, "模板参数不合法", "a template field does not satisfy its type"),
    48001: Meaning(_A, "接口未授权：账号没有此权限", "the account lacks this permission"),
    48002: Meaning(_R, "粉丝关闭了接收消息", "the recipient turned messages off"),
    48004: Meaning(_A, "接口被封禁", "the interface is banned for this account"),
    50002: Meaning(_A, "账号受限：可能已冻结或注销", "the account is frozen or cancelled"),
    50005: Meaning(_R, "接收者未关注", "the recipient does not follow"),
    89503: Meaning(_A, "群发保护：等待管理员确认", "mass protection: waiting for the administrator"),
    89504: Meaning(_A, "群发保护：管理员尚未确认", "mass protection: not yet confirmed"),
    89505: Meaning(_A, "群发保护：管理员拒绝", "mass protection: refused by the administrator"),
}  # fmt: skip


def error_of(code: int, message: str, appid: str) -> WeChatError:
    """The error for an answer's `errcode` and `errmsg`; a code without a row is judged by its thousand."""
    found = _RID.search(message)
    rid = found[1] if found else ""
    meaning = CODES.get(code)
    kind = meaning.kind if meaning else _by_thousand(code)
    if kind is Throttled:
        return Throttled(code, message, rid, appid, scope=meaning.scope if meaning else "minute")
    return kind(code, message, rid, appid)


def account_error(code: int, message: str, appid: str) -> WeChatError:
    """The error for the answer to a token call: there a wrong credential is the account's, and no other token will help."""
    error = error_of(code, message, appid)
    return AccountRefused(code, message, error.rid, appid) if code in TOKEN_CODES else error


def explain(code: int) -> str:
    """One line on a code, Chinese first, English beside it."""
    meaning = CODES.get(code)
    return f"{meaning.zh} / {meaning.en}" if meaning else f"微信返回 {code} / WeChat answered {code}"


def _by_thousand(code: int) -> type[WeChatError]:
    if code < 0:
        return Transient
    # 48, 50, 61 and 89 thousand speak of permissions and states of the account, the rest of the call.
    return AccountRefused if code // 1000 in {48, 50, 61, 89} else BadPayload
