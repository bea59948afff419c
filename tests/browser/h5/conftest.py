"""A shop whose pages a real Chromium opens."""

import pytest

from tests.support.h5 import open_counter, with_public_url


@pytest.fixture
def counter(house, make_account):
    return open_counter(house, make_account(name="海岸百货"))


@pytest.fixture
def base(house, counter, serve):
    """The address of the running pages."""
    from app.factory import create_app

    address = serve(create_app(house))
    with_public_url(house, address)
    return address
