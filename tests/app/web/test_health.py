"""Alive is alive; ready means that an event can be made durable somewhere."""

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from app.core.house import House
from app.core.inbox import Inbox
from app.core.kv import open_redis
from app.web.health import make_health
from app.web.problems import install


def client_of(house: House) -> FlaskClient:
    flask_app = Flask("health")
    install(flask_app)
    flask_app.register_blueprint(make_health(house))
    return flask_app.test_client()


def without_redis(house: House) -> House:
    return replace(house, inbox=Inbox(open_redis("redis://127.0.0.1:9/0", timeout_s=0.2, text=False), "gone", max_bytes=1))


def away(*_: object, **__: object) -> None:
    raise OperationalError("SELECT 1", {}, ConnectionRefusedError())


def test_alive_asks_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.health.reading", away)
    assert client_of(without_redis(house)).get("/healthz").get_json() == {"alive": True}


def test_ready_says_what_is_up(house: House) -> None:
    assert client_of(house).get("/readyz").get_json() == {"ready": True, "parts": {"database": "up", "inbox": "up"}}


def test_one_of_two_is_enough(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client_of(without_redis(house)).get("/readyz").get_json()["parts"] == {"database": "up", "inbox": "away"}
    monkeypatch.setattr("app.web.health.reading", away)
    assert client_of(house).get("/readyz").get_json()["parts"] == {"database": "away", "inbox": "up"}


def test_none_of_two_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.health.reading", away)
    answer = client_of(without_redis(house)).get("/readyz")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "not_ready")
