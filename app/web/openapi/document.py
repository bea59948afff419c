"""The OpenAPI document completed: every refusal as a problem document, and the headers every call shares."""

from typing import Any

from app.core.clients import SCOPES
from app.web.documented import PROBLEM

_REFUSALS = {
    "400": "The request cannot be read, or its Idempotency-Key is missing or malformed.",
    "401": "The key is missing, unknown or revoked.",
    "403": "The key lacks the scope, or the store belongs to another unit.",
    "404": "There is no such thing for this key.",
}
_WRITING_REFUSALS = {
    "409": "The state does not allow it, the number is on record with other content, or a twin of this call is still running.",
    "411": "The request has no Content-Length.",
    "413": "The body is over 256 KiB (3 MiB where it carries a picture).",
    "415": "The body is not application/json, or is encoded.",
    "422": "The content does not fit, or the Idempotency-Key was used with another body.",
}
READING = frozenset({"/till/quotes", "/till/members"})
"""Calls that only read, and are POST because what they ask has no place in an address."""
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "One key a call, kept for at least 24 hours: the same call again gets the same answer and `Idempotency-Hit: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[\\x21-\\x7e]+$"},
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add what every operation shares, in place of writing it at each."""
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    document["info"]["x-scopes"] = SCOPES
    for address, path in document.get("paths", {}).items():
        for method, operation in path.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            carrying = method in {"post", "put", "patch", "delete"}
            writing = carrying and address not in READING
            said = {**_REFUSALS, **(_WRITING_REFUSALS if carrying else {"422": "A parameter does not fit."})}
            for status, words in said.items():
                operation["responses"].setdefault(status, _refusal(words))
            if carrying:
                operation.get("requestBody", {})["required"] = True
            if writing:
                operation.setdefault("parameters", []).append(_KEY)
                if {"200", "201"} <= set(operation["responses"]):
                    operation["responses"]["200"]["content"] = operation["responses"]["201"]["content"]
                for status, answer in operation["responses"].items():
                    if status < "400":
                        hit = {"description": "The call was answered before.", "schema": {"type": "string", "enum": ["true"]}}
                        answer.setdefault("headers", {})["Idempotency-Hit"] = hit
    return document


def _refusal(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
