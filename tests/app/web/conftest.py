"""A web application with the webhook alone, so that these tests need no other room."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.house import House
from app.web.problems import install
from app.web.webhook import make_webhook
from handlers.chain import Chain, build_chain


class NoChannels:
    """A house without channels."""

    def find(self, account_id: int, scene: str) -> None:
        del account_id, scene


@pytest.fixture
def chain(house: House) -> Chain:
    return build_chain(house, channels=NoChannels())


@pytest.fixture
def make_app(house: House, chain: Chain) -> Callable[..., Flask]:
    def make(**parts: object) -> Flask:
        flask_app = Flask("webhook")
        install(flask_app)
        flask_app.register_blueprint(make_webhook(house, parts.get("chain", chain)))
        return flask_app

    return make


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> Iterator[FlaskClient]:
    with make_app().test_client() as opened:
        yield opened
