"""Every refusal of the web floor as an RFC 9457 problem document: a stable code, Chinese first, English beside it, and no traceback."""

import http
import os

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.core.away import is_away
from app.core.errors import FankaError, NotFoundError, UnavailableError
from app.core.log import get_logger
from app.core.tries import TooManyError

log = get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
_REQUEST_ID = "fanka.request_id"

# What a person reads first. A code without a sentence of its own gets the one of its status.
_BY_CODE = {
    "unknown_account": "没有这个公众号或小程序",
    "method_not_allowed": "不支持这种请求方法",
    "body_too_large": "请求内容超过 64 KiB",
    "length_required": "请求必须写明内容长度（Content-Length）",
    "bad_length": "Content-Length 与实际内容不符",
    "encoded_body": "不接受压缩或编码过的内容",
    "bad_query": "查询参数无法识别",
    "repeated_parameter": "同一个查询参数出现了两次",
    "missing_parameter": "缺少 signature、timestamp 或 nonce",
    "bad_parameter": "查询参数过长",
    "bad_signature": "签名不正确：请核对公众平台里的 Token",
    "missing_signature": "缺少 msg_signature",
    "bad_timestamp": "timestamp 不是秒数",
    "stale_timestamp": "timestamp 与本机时间相差过大",
    "plaintext_refused": "本账号只接收加密消息",
    "wrong_mode": "消息已加密，而本账号设置为明文模式",
    "wrong_appid": "消息是为另一个 AppID 加密的",
    "bad_ciphertext": "加密内容无法解开：请核对 EncodingAESKey",
    "bad_echo": "缺少 echostr",
    "bad_encoding": "内容必须是 UTF-8",
    "bad_body": "内容不是微信的消息格式",
    "json_not_expected": "只有小程序可以使用 JSON 格式",
    "not_accepted": "暂时无法保存消息，请稍后重试",
    "busy": "太多请求迟迟没有发完，请稍后重试",
    "part_away": "数据库或 Redis 暂时没有应答，请稍后重试",
    "not_ready": "收件箱和数据库都没有应答",
    "not_read_yet": "服务正在启动，请稍后重试",
    "internal": "服务内部出错，已记录",
}
_BY_STATUS = {
    400: "请求有误",
    401: "请先登录",
    403: "没有权限",
    404: "没有找到",
    405: "不支持这种请求方法",
    409: "当前状态不允许这样做",
    411: "请求必须写明内容长度（Content-Length）",
    413: "请求内容过大",
    415: "不支持这种内容类型",
    422: "内容不符合要求",
    429: "请求过于频繁，请稍后再试",
    503: "服务暂时不可用，请稍后重试",
}
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_type", 429: "too_many"}


def install(flask_app: Flask) -> None:
    """Answer every error of this application with a problem document."""
    flask_app.before_request(_refuse_nul)
    flask_app.register_error_handler(FankaError, answer_refusal)
    flask_app.register_error_handler(HTTPException, answer_http)
    flask_app.register_error_handler(Exception, _unexpected)


def _refuse_nul() -> None:
    """No address of ours holds a NUL, and no column of PostgreSQL could be compared with one."""
    if "\0" in request.path:
        raise NotFoundError("there is no such address", code="not_found")


def request_id() -> str:
    """The id of this request, the same in the answer and in the log."""
    held: str = request.environ.get(_REQUEST_ID, "")
    if not held:
        held = request.environ[_REQUEST_ID] = os.urandom(8).hex()
    return held


def problem(status: int, code: str, detail_en: str, *, detail: str | None = None) -> Response:
    """A problem document. `code` is stable; the sentences may change. `detail` is the Chinese one, else that of the code or the status."""
    given = request_id()
    shown = {
        "type": f"urn:fanka:problem:{code}",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or _BY_CODE.get(code) or _BY_STATUS.get(status) or "服务内部出错，已记录",
        "detail_en": detail_en,
        "code": code,
        "request_id": given,
    }
    answer = Response(orjson.dumps(shown), status, content_type=MEDIA_TYPE)
    answer.headers["X-Request-Id"] = given
    answer.headers["Cache-Control"] = "no-store"
    return answer


def answer_refusal(error: FankaError) -> Response:
    """One of our refusals as a problem document."""
    # A sentence that was written in both languages where it is raised stands before that of its code.
    zh, _, en = error.detail.partition(" / ")
    both = bool(en) and any("\u3400" <= sign <= "\u9fff" for sign in zh)
    answer = problem(error.status, str(error.code), en if both else error.detail, detail=zh if both else None)
    if isinstance(error, TooManyError):
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def answer_http(error: HTTPException) -> Response | HTTPException:
    """One of Flask's own refusals as a problem document; a redirect passes."""
    status = error.code or 500
    if status < 400:
        # A redirect is an HTTPException too, and no problem.
        return error
    answer = problem(status, _CODES.get(status, f"http_{status}"), http.HTTPStatus(status).phrase)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After", "WWW-Authenticate"}:
            answer.headers[name] = value
    return answer


def away_of(error: Exception) -> UnavailableError | None:
    """The refusal that says that the database or Redis is away for the moment; None for any other accident."""
    if is_away(error):
        return UnavailableError("the database or Redis does not answer; try again in a moment", code="part_away")
    return None


def _unexpected(error: Exception) -> Response:
    away = away_of(error)
    if away is not None:
        log.error("part_away", request=request_id(), endpoint=request.endpoint, error_type=type(error).__name__)
        answer = answer_refusal(away)
        answer.headers["Retry-After"] = "5"
        return answer
    log.error("request_failed", request=request_id(), endpoint=request.endpoint, error_type=type(error).__name__)
    return problem(500, "internal", "something went wrong here; it is on record")
