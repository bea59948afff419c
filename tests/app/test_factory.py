"""The web application as a whole: whose address a request comes from when a proxy stands in front."""

from dataclasses import replace

import pytest
from flask import request

from app.factory import create_app


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [(0, "10.0.0.1"), (1, "203.0.113.7"), (2, "198.51.100.9")],
)
def test_so_many_addresses_are_believed_as_proxies_are_ours(house, proxies, seen):
    house.settings = replace(house.settings, trusted_proxies=proxies)
    application = create_app(house)
    application.add_url_rule("/whoever", view_func=lambda: str(request.remote_addr))
    told = {"X-Forwarded-For": "192.0.2.1, 198.51.100.9, 203.0.113.7"}
    answer = application.test_client().get("/whoever", headers=told, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.text == seen
