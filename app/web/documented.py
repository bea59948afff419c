"""What the JSON APIs of the house share: an application with bounded JSON, problem documents, and an OpenAPI document of its own."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from apiflask import APIFlask
from flask import Flask
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app.web import problems

VERSION = "1.0.0"
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Chinese."},
        "detail_en": {"type": "string"},
        "code": {"type": "string", "description": "Stable; the sentences may change."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"field": {"type": "string"}, "detail": {"type": "string"}}},
        },
    },
}


class _BoundedJson(DefaultJSONProvider):
    """Reads JSON within bounds: nesting is limited, numbers fit 64 bits, text is UTF-8 without halves of signs and without NUL."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        del kwargs
        if "\\u0000" in s if isinstance(s, str) else b"\\u0000" in s:
            # No column of PostgreSQL takes it, and no honest text has it.
            raise ValueError("NUL in a text")
        return orjson.loads(s)


def make_documented(
    name: str,
    *,
    title: str,
    base: str,
    description: str,
    security: Mapping[str, str],
    complete: Callable[[dict[str, Any]], dict[str, Any]],
) -> APIFlask:
    """An application that stands below `base`. `security` is the words of each bearer scheme by its name; `complete` finishes the document."""
    api = APIFlask(
        name,
        title=title,
        version=VERSION,
        docs_path=None,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]  # Flask's own way of saying that there are no files.
    )
    api.config.update(
        OPENAPI_VERSION="3.1.0",
        SERVERS=[{"url": base}],
        DESCRIPTION=description,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        AUTO_200_RESPONSE=False,
        AUTO_OPERATION_ID=True,
        JSON_SORT_KEYS=False,
    )
    api.security_schemes = {scheme: {"type": "http", "scheme": "bearer", "description": words} for scheme, words in security.items()}
    api.json = _BoundedJson(api)
    api.spec_processor(complete)  # type: ignore[arg-type]  # A JSON document is asked for, so a dict comes.
    problems.install(api)
    return api


def mount(flask_app: Flask, base: str, api: APIFlask) -> None:
    """Let a web application answer everything below `base` with an API."""
    flask_app.wsgi_app = DispatcherMiddleware(flask_app.wsgi_app, {base: api})  # type: ignore[method-assign]  # Flask's own way to wrap it.
