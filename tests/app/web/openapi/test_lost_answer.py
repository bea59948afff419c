"""A proxy that loses the answer after the server's commit: the same key then gets the same body, and nothing happens twice."""

import http.client
import json
import socket
import threading
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.unit import reading
from app.web.openapi import mount_api
from cards.models.redemption import Attempt, CouponUse
from tests.support.api import make_caller
from tests.support.coupons import open_counter


@pytest.fixture
def lossy(house, serve):
    """(address of the API, address of a proxy that carries a request there, waits for the whole answer, and hangs up)."""
    application = Flask("api", static_folder=None)
    mount_api(application, house)
    target = urlsplit(serve(application))
    listener = socket.create_server(("127.0.0.1", 0))
    swallowed = []

    def carry():
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            with near, socket.create_connection((target.hostname, target.port)) as far:
                far.sendall(read_message(near))
                swallowed.append(read_message(far))

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    yield f"{target.hostname}:{target.port}", f"127.0.0.1:{listener.getsockname()[1]}", swallowed
    listener.close()


def read_message(wire):
    """One HTTP message: its head, and as much body as the head says."""
    wire.settimeout(10)
    message = b""
    while b"\r\n\r\n" not in message:
        message += wire.recv(65536)
    head, _, body = message.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += wire.recv(65536)
    return head + b"\r\n\r\n" + body


def call(address, path, body, *, key, secret):
    connection = http.client.HTTPConnection(address, timeout=10)
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key, "Content-Type": "application/json"}
    connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
    answer = connection.getresponse()
    told = answer.status, json.loads(answer.read()), answer.headers.get("Idempotency-Hit")
    connection.close()
    return told


def test_an_answer_lost_on_the_way_is_given_again(house, web, lossy):
    direct, proxy, swallowed = lossy
    counter = open_counter(house)
    caller = make_caller(house, web, programme_id=counter.shop.programme_id)
    coupon = counter.coupon(reward_points=10)
    body = {
        "store": str(counter.store),
        "attempt_id": str(uuid4()),
        "code": coupon.code,
        "order": {"order_no": "A-1", "total_fen": 5000},
    }
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        call(proxy, "/till/redemptions", body, key="one", secret=caller.key)
    lost = json.loads(swallowed[0].partition(b"\r\n\r\n")[2])
    status, told, hit = call(direct, "/till/redemptions", body, key="one", secret=caller.key)
    assert (status, told, hit) == (200, lost, "true")
    assert told["outcome"] == "done"
    with reading(house.engine) as session:
        assert len(session.scalars(select(CouponUse)).all()) == 1
        assert len(session.scalars(select(Attempt)).all()) == 1
