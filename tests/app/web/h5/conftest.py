"""What tests of the phone pages stand on."""

import pytest

from tests.support.h5 import open_counter


@pytest.fixture
def counter(house, make_account):
    """A group with a programme of four tiers and an opening gift."""
    return open_counter(house, make_account(name="海岸百货"))
