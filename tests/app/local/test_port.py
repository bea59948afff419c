"""One port, one house."""

import socket

import pytest

from app.core.errors import ConflictError
from app.local.port import claimed
from tests.support.sandbox import free_port


def sharing(port: int) -> socket.socket:
    """A socket as the web server's workers open it."""
    shared = socket.socket()
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind(("127.0.0.1", port))
    return shared


def test_a_port_that_another_house_shares_is_refused() -> None:
    port = free_port()
    with sharing(port) as other:
        other.listen()
        with pytest.raises(ConflictError, match=f"port {port} is taken"), claimed("127.0.0.1", port):
            pytest.fail("two houses on one port")


def test_two_houses_that_start_at_once_do_not_both_get_it() -> None:
    port = free_port()
    with claimed("127.0.0.1", port), pytest.raises(ConflictError), claimed("127.0.0.1", port):
        pytest.fail("two houses on one port")


def test_its_own_web_server_is_let_in_and_gets_every_connection() -> None:
    port = free_port()
    with claimed("127.0.0.1", port), sharing(port) as web:
        web.listen(64)
        web.settimeout(5)
        for _ in range(40):
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                web.accept()[0].close()


def test_it_is_free_again_afterwards() -> None:
    port = free_port()
    for _ in range(2):
        with claimed("127.0.0.1", port):
            pass


def test_a_host_that_is_none_is_said_in_one_line() -> None:
    with pytest.raises(ConflictError, match="no address of this machine"), claimed("256.0.0.1", 8000):
        pytest.fail("a host that is none")
