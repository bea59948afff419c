"""The stage of broadcasts, for the facts that change deliveries."""

import pytest

from app.core.house import House
from tests.support.broadcasts import Stage


@pytest.fixture
def stage(house: House) -> Stage:
    return Stage(house)
