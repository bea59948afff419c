"""A group's CRM on loopback: a real HTTP server that checks signatures, knows its members by phone, and misbehaves when told to."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app.core.house import House

SECRET = "a-secret-of-both-sides"
Spoken = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Crm:
    """What a test tells the CRM, and what it was asked."""

    url: str = ""
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    instead: Spoken | None = None
    """Speaks in place of the CRM."""
    at_once: threading.Barrier | None = None
    """Every answer waits until so many were asked."""

    def know(self, number: str, **more: Any) -> dict[str, Any]:
        """A member with 1 200 points in two lots, unless told otherwise; what is given replaces the document's fields."""
        lots = [{"points": 700, "expires_on": "2027-01-31"}, {"points": 500, "expires_on": None}]
        told = {"id": "M-1001", "phone": number, "name": "老林", "tier": "银卡", "points": 1200, "lots": lots, **more}
        self.members[number] = told
        return told

    def connect(self, house: House, unit: str, **more: Any) -> None:
        """Have a house ask here."""
        house.settings = replace(house.settings, crm_url=self.url, crm_secret=SECRET, crm_name="oldcrm", crm_unit=unit, **more)


def says(status: int, body: bytes = b"", *, length: int | None = None) -> Spoken:
    """An answer as it stands."""

    def speak(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return speak


def drips(handler: BaseHTTPRequestHandler) -> None:
    """An answer that never comes to its end, byte by byte: no single read waits long."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):
        for _ in range(200):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)


@contextmanager
def open_crm() -> Iterator[Crm]:
    """A CRM that is there for as long as the block runs."""
    crm = Crm()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = hmac.new(SECRET.encode(), self.headers["Fanka-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
            if self.headers["Fanka-Signature"] != f"v1={signed}":
                says(401)(self)
                return
            asked = json.loads(body)
            crm.asked.append(asked)
            crm.headers.append(dict(self.headers))
            if crm.at_once is not None:
                crm.at_once.wait(10)
            if crm.instead is not None:
                crm.instead(self)
                return
            found = crm.members.get(asked["phone"])
            says(404)(self) if found is None else says(200, json.dumps({"member": found}).encode())(self)

        def log_message(self, *said: object) -> None:
            del said

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    crm.url = f"http://127.0.0.1:{server.server_address[1]}/members"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield crm
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
