"""A port kept for one house: two houses that listen on one port would be given each other's callbacks."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from app.core.errors import ConflictError


@contextmanager
def claimed(host: str, port: int) -> Iterator[None]:
    """Keep a TCP port for the web server of this house while the block runs. Raises ConflictError when somebody has it.

    The web server's workers share their port (SO_REUSEPORT), and so the kernel would let a second house share it too, and hand each of the two
    half of the other's events. A socket that is bound and never listens gets no connection, but it is in the way of everybody who asks first.
    """
    with ExitStack() as stack:
        for family, kind, protocol, _, address in _addresses(host, port):
            _ask(family, kind, protocol, address, port=port)
            held = stack.enter_context(socket.socket(family, kind, protocol))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(address)
        yield


def _ask(family: int, kind: int, protocol: int, address: tuple[Any, ...], *, port: int) -> None:
    """Bind as one who does not share, which fails while anybody else is bound there, and let go again."""
    with socket.socket(family, kind, protocol) as probe:
        # Connections of a house that has just ended, in their last minute, are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise ConflictError(
                f"端口 {port} 已被占用, 用 FANKA_WEB_PORT 换一个, FANKA_PUBLIC_URL 随之改变 / port {port} is taken by another program; "
                "FANKA_WEB_PORT names another, and FANKA_PUBLIC_URL goes with it",
                code="port_taken",
            ) from error


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]:
    try:
        return list(socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
    except OSError as error:
        raise ConflictError(
            f"FANKA_WEB_HOST {host!r} 不是本机地址 / FANKA_WEB_HOST {host!r} is no address of this machine", code="no_such_host"
        ) from error
