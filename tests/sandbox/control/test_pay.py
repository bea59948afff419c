"""Payments on the platform: notices that are sealed, signed, repeated until they are taken, and remembered through a kill."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key

KEY = "0123456789abcdef0123456789abcdef"


class Till:
    """The merchant's server: keeps every notice and answers with the statuses it was given, then 204."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        till = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                till.heard.append((dict(self.headers), body))
                self.send_response(till.answers.pop(0) if till.answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Not worth a line."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/pay"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def till():
    running = Till()
    yield running
    running.close()


def merchant(platform, till, **more):
    return platform.control(
        "pay/merchants",
        {"mchid": "1900000109", "appid": "wxA", "api_v3_key": KEY, "notify_url": till.url, "repeat_after_s": [0, 0], **more},
    )


def opened(known, headers, body):
    message = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n".encode() + body + b"\n"
    load_pem_public_key(known["public_key"].encode()).verify(
        base64.b64decode(headers["Wechatpay-Signature"]), message, PKCS1v15(), hashes.SHA256()
    )
    assert headers["Wechatpay-Serial"] == known["serial"]
    sealed = json.loads(body)["resource"]
    plain = AESGCM(KEY.encode()).decrypt(
        sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), sealed["associated_data"].encode()
    )
    return json.loads(plain)


def test_a_payment_and_its_refund_are_told(platform, till):
    known = merchant(platform, till)
    (person,) = platform.people()
    paid = platform.control("pay", {"mchid": "1900000109", "person": person, "total_fen": 12800, "coupon_fen": 800})
    assert platform.control("idle", {"timeout_s": 10})["notices_pending"] == 0
    told = opened(known, *till.heard[0])
    assert told["transaction_id"] == paid["transaction_id"]
    assert told["amount"]["total"] == 12800
    assert told["amount"]["payer_total"] == 12000
    assert told["payer"]["openid"] == platform.control(f"people/{person}")["openids"]["wxA"]
    assert platform.control("pay/refund", {"transaction_id": paid["transaction_id"], "refund_fen": 800})["left_fen"] == 12000
    platform.control("idle", {"timeout_s": 10})
    back = opened(known, *till.heard[1])
    assert (back["refund_status"], back["amount"]["refund"], back["transaction_id"]) == ("SUCCESS", 800, paid["transaction_id"])
    platform.control("pay/refund", {"transaction_id": paid["transaction_id"], "refund_fen": 12001}, status=400)


def test_a_notice_is_repeated_with_the_same_body_until_it_is_taken(platform, till):
    merchant(platform, till)
    till.answers = [500, 503]
    platform.control("pay", {"mchid": "1900000109", "person": platform.people()[0], "total_fen": 100})
    platform.control("idle", {"timeout_s": 10})
    assert len(till.heard) == 3
    assert len({body for _, body in till.heard}) == 1
    assert len({headers["Wechatpay-Nonce"] for headers, _ in till.heard}) == 3
    assert [record["done"] for record in platform.truth("notice")[-3:]] == [False, False, True]


def test_copies_go_out_at_once(platform, till):
    merchant(platform, till)
    platform.control("pay", {"mchid": "1900000109", "person": platform.people()[0], "total_fen": 100, "copies": 3})
    until = time.monotonic() + 10
    while len(till.heard) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert len({body for _, body in till.heard}) == 1
    assert len(till.heard) == 3


def test_an_untaken_notice_outlives_a_kill(launch, till):
    running = launch()
    running.account()
    merchant(running, till, repeat_after_s=[600])
    till.answers = [500]
    running.control("pay", {"mchid": "1900000109", "person": running.people()[0], "total_fen": 100})
    until = time.monotonic() + 10
    while not running.truth("notice") and time.monotonic() < until:
        time.sleep(0.01)
    running.kill()
    running.start()
    assert running.control("idle", {"timeout_s": 10})["idle"] is True
    assert len(till.heard) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"mchid": "19"}, {"api_v3_key": "short"}, {"notify_url": "ftp://x"}, {"notify_url": "http://x/?q=1"}, {"repeat_after_s": "soon"}],
)
def test_a_wrong_merchant_is_refused(platform, till, wrong):
    wanted = {"mchid": "1900000109", "appid": "wxA", "api_v3_key": KEY, "notify_url": till.url, **wrong}
    platform.control("pay/merchants", wanted, status=400)


def test_keys_stay_out_of_the_feed(platform, till):
    merchant(platform, till)
    shown = json.dumps(platform.control("feed"))
    assert KEY not in shown
    assert "PRIVATE KEY" not in shown
