"""Structured logs, one JSON object a line, with personal data masked by the name of its field."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

# A field with one of these names is personal or secret; its value never reaches a log.
_MASKED = {
    "openid", "unionid", "phone", "name", "address", "email", "token", "secret", "aes_key", "access_token", "text", "content",
    "nonce", "signature", "body", "password", "code", "session_key", "touser", "client_ip",
}  # fmt: skip


def mask(value: object) -> str:
    """What may be shown of a personal value: its length and last two signs, so that a person can match it against his own."""
    shown = str(value)
    return "" if not shown else f"***{shown[-2:] if len(shown) > 8 else ''}({len(shown)})"


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "event": record.getMessage(),
        }
        for key, value in getattr(record, "fields", {}).items():
            entry[key] = mask(value) if key in _MASKED else value
        if record.exc_info and record.exc_info[0] is not None:
            # The message of an exception may quote a customer's words, so only its type and place are kept.
            entry["error"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            if trace is not None:
                entry["where"] = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
        return json.dumps(entry, ensure_ascii=False, default=str)


class Logger:
    """A logger whose fields are keywords: `log.info("channel_made", channel=7)`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"fanka.{name}")

    def debug(self, event: str, **fields: object) -> None:
        self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra={"fields": fields})

    def exception(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra={"fields": fields}, exc_info=sys.exc_info())


def get_logger(name: str) -> Logger:
    return Logger(name)


def open_log(level: str = "INFO") -> None:
    """Send every log line of this process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("fanka").setLevel(level)
