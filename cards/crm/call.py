"""One signed question to the group's CRM over HTTP: one second to connect, three in all, 64 KiB of answer, and only our errors."""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlsplit

import orjson
import pycurl
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from app.core.errors import FankaError
from app.core.settings import Settings

CONNECT_MS, WHOLE_MS = 1000, 3000
MOST_ANSWER = 64 * 1024
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_REASONS: dict[int | str, str] = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_CONNECT: "connect",
    pycurl.E_COULDNT_RESOLVE_HOST: "resolve",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
    pycurl.E_SSL_CACERT: "tls",
}


class CrmError(FankaError):
    """A try that changed nothing. `reason` is a code without anything personal; `away` says that asking for others now is in vain too."""

    status = 503
    code = "crm"

    def __init__(self, reason: str, *, away: bool = False) -> None:
        self.reason = reason[:80]
        self.away = away
        super().__init__(f"会员系统没有给出可用的答复 ({self.reason}) / the CRM gave no answer that can be used: {self.reason}")


def ask(settings: Settings, *, phone: str, asked_at: datetime, request_id: str) -> bytes | None:
    """Ask who has a phone number. The JSON document the CRM answered with, or None when it knows nobody (404). Raises CrmError.

    The body is `{"phone", "asked_at", "request_id"}`; `Fanka-Signature` is HMAC-SHA256 over `Fanka-Timestamp`, a full stop and the body. Called
    outside any transaction: it may take three seconds.
    """
    assert settings.crm_url is not None, "the caller looked"
    body = orjson.dumps({"phone": phone, "asked_at": asked_at.isoformat().replace("+00:00", "Z"), "request_id": request_id})
    stamp = str(int(asked_at.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "fanka",
        "Expect": "",
        "Fanka-Timestamp": stamp,
        "Fanka-Signature": f"v1={sign(settings.crm_secret, stamp=stamp, body=body)}",
        "Fanka-Request-Id": request_id,
    }
    status, answer = _post(settings.crm_url, headers, body)
    if status == 404:
        return None
    if status in (401, 403):
        raise CrmError("signature_refused", away=True)
    if status != 200:
        raise CrmError(f"status_{status}", away=status >= 500 or status == 429)
    return answer


def sign(secret: str, *, stamp: str, body: bytes) -> str:
    """The signature of a question, hex."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    answer = bytearray()

    def keep(part: bytes) -> int:
        # Fewer bytes than were given end the transfer.
        if len(answer) + len(part) > MOST_ANSWER:
            answer.extend(b" " * (MOST_ANSWER + 1 - len(answer)))
            return 0
        answer.extend(part)
        return len(part)

    easy = pycurl.Curl()
    try:
        easy.setopt(pycurl.URL, url)
        easy.setopt(pycurl.POST, 1)
        easy.setopt(pycurl.POSTFIELDS, body)
        easy.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" if value else f"{name}:" for name, value in headers.items()])
        easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        easy.setopt(pycurl.WRITEFUNCTION, keep)
        easy.setopt(pycurl.NOSIGNAL, 1)
        easy.setopt(pycurl.FOLLOWLOCATION, 0)
        easy.setopt(pycurl.CONNECTTIMEOUT_MS, CONNECT_MS)
        easy.setopt(pycurl.TIMEOUT_MS, WHOLE_MS)
        easy.setopt(pycurl.CAINFO, DEFAULT_CA_BUNDLE_PATH)
        if urlsplit(url).hostname in _HERE:
            # A proxy of the environment serves the way out, never the way to this machine.
            easy.setopt(pycurl.PROXY, "")
        easy.perform()
        return int(easy.getinfo(pycurl.RESPONSE_CODE)), bytes(answer)
    except pycurl.error as error:
        if len(answer) > MOST_ANSWER:
            raise CrmError("too_large") from None
        raise CrmError(_REASONS.get(error.args[0], f"curl_{error.args[0]}"), away=True) from None
    finally:
        easy.close()
