"""Calls of the open API as a till makes them."""

import itertools
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.clients import SCOPES, add_client
from app.core.house import House
from app.core.unit import work

_keys = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Caller:
    """One client with its key."""

    web: FlaskClient
    key: str

    def post(self, path: str, body: Any, *, key: str | None = None, **headers: str) -> TestResponse:
        said = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or f"k{next(_keys)}", **headers}
        return self.web.post(f"/api/v1{path}", json=body, headers={name: value for name, value in said.items() if value})

    def get(self, path: str) -> TestResponse:
        return self.web.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {self.key}"})


def make_caller(
    house: House, web: FlaskClient, *, programme_id: int, unit_id: int | None = None, scopes: list[str] | None = None
) -> Caller:
    """A client of the API with every scope, unless some are named."""
    with work(house.engine) as session:
        _, key = add_client(
            session,
            name=f"收银 {next(_keys)}",
            scopes=list(SCOPES) if scopes is None else scopes,
            programme_id=programme_id,
            unit_id=unit_id,
            actor="test",
            now=house.clock.now(),
        )
    return Caller(web, key)
