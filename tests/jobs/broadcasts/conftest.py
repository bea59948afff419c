"""The stage every test of broadcasts plays on."""

import pytest

from app.core.house import House
from tests.support.broadcasts import Stage


@pytest.fixture
def stage(house: House) -> Stage:
    return Stage(house)
