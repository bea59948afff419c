"""The open API alone, mounted where it stands in the house."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.house import House
from app.web.openapi import mount_api


@pytest.fixture
def web(house: House) -> FlaskClient:
    application = Flask("api", static_folder=None)
    mount_api(application, house)
    return application.test_client()
