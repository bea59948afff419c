"""A sandbox process of our own, its control plane, its calls, and a server that plays the account."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

ROOT = Path(__file__).parents[2]
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class Wechat:
    """One sandbox process: `call` speaks to the platform, `control` to the control plane."""

    def __init__(self, log: Path, seed: int = 7) -> None:
        self.log = log
        self.seed = seed
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.tokens: dict[str, str] = {}
        self.local = threading.local()

    def start(self) -> "Wechat":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", "--log", str(self.log), "--seed", str(self.seed)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        assert re.fullmatch(r"sandbox: http://127\.0\.0\.1:\d+/\n", line), line
        self.url = line.split()[1].rstrip("/")
        self.local = threading.local()
        self.tokens.clear()
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.process.stdout.close()
        return status

    # -- HTTP

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> SimpleNamespace:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            data = answer.read()
            return SimpleNamespace(status=answer.status, body=data, headers=answer.headers)
        finally:
            connection.close()

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname

    @property
    def port(self) -> int:
        return urlsplit(self.url).port

    def raw(self, data: bytes, *, until: bytes = b"", size: int = 65536) -> bytes:
        """Send bytes and read until the server closes, or until `until` was seen."""
        with socket.create_connection((self.host, self.port), timeout=30) as wire:
            wire.sendall(data)
            got = b""
            while not (until and until in got):
                part = wire.recv(size)
                if not part:
                    break
                got += part
            return got

    def control(self, path: str, body: Any = None, *, method: str | None = None, status: int = 200) -> Any:
        answer = self.request(
            method or ("GET" if body is None else "POST"), f"/_control/{path}", None if body is None else json.dumps(body).encode()
        )
        assert answer.status == status, (answer.status, answer.body[:500])
        return json.loads(answer.body)

    def call(
        self, path: str, body: Any = None, *, appid: str = "wxA", token: str | None = None, method: str | None = None, **query: Any
    ) -> Any:
        """One call of the platform with the account's token."""
        if token is None:
            token = self.token(appid)
        full = f"{path}?{urlencode({'access_token': token, **query})}"
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        answer = self.request(method or ("GET" if body is None else "POST"), full, data)
        return json.loads(answer.body)

    def token(self, appid: str = "wxA") -> str:
        if appid not in self.tokens:
            self.tokens[appid] = self.stable(appid)["access_token"]
        return self.tokens[appid]

    def stable(self, appid: str = "wxA", secret: str = "secret", **more: Any) -> Any:
        wanted = {"grant_type": "client_credential", "appid": appid, "secret": secret, **more}
        return json.loads(self.request("POST", "/cgi-bin/stable_token", json.dumps(wanted).encode()).body)

    def legacy(self, appid: str = "wxA", secret: str = "secret") -> Any:
        query = urlencode({"grant_type": "client_credential", "appid": appid, "secret": secret})
        return json.loads(self.request("GET", f"/cgi-bin/token?{query}").body)

    # -- the cast

    def account(self, appid: str = "wxA", **wishes: Any) -> None:
        wanted = {"appid": appid, "secret": "secret", "kind": "service", "name": appid, "token": "tok", "aes_key": AES_KEY}
        self.control("accounts", {**wanted, "open_platform": "group", **wishes})

    def people(self, count: int = 1) -> list[str]:
        return [person["id"] for person in self.control("people", {"count": count})["people"]]

    def act(self, person: str, do: str, *, appid: str = "wxA", expect: int = 200, **more: Any) -> Any:
        return self.control("act", {"person": person, "appid": appid, "do": do, **more}, status=expect)

    def follower(self, *, appid: str = "wxA") -> tuple[str, str]:
        """A new person who follows; returns person and openid."""
        (person,) = self.people()
        self.act(person, "follow", appid=appid)
        return person, self.openid(person, appid=appid)

    def openid(self, person: str, *, appid: str = "wxA") -> str:
        return self.control(f"people/{person}")["openids"][appid]

    def screen(self, person: str) -> list[Any]:
        return self.control(f"people/{person}")["screen"]

    def idle(self) -> Any:
        figures = self.control("idle", {"timeout_s": 30})
        assert figures["idle"], figures
        return figures

    def truth(self, type_: str | None = None, **equal: Any) -> list[Any]:
        """The records of the log, by type and equal fields."""
        records = [json.loads(line) for line in self.log.read_bytes().splitlines()]
        return [
            record
            for record in records
            if type_ in {None, record["type"]} and all(record.get(name) == value for name, value in equal.items())
        ]

    def template(self, content: str = "{{thing1.DATA}}", *, appid: str = "wxA", **more: Any) -> str:
        return self.control("templates", {"appid": appid, "title": "到账通知", "content": content, **more})["template_id"]

    def show_code(self, ticket: str) -> SimpleNamespace:
        return self.request("GET", f"/cgi-bin/showqrcode?ticket={quote(ticket, safe='')}")


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A platform that waited five seconds hangs up: that is no error of the shop."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Shop:
    """The account's own server: records every callback and answers what `answer` says."""

    def __init__(self) -> None:
        self.calls: list[SimpleNamespace] = []
        self.answer: Callable[[SimpleNamespace], tuple[int, bytes] | None] = lambda _: (200, b"success")
        self.echo: Callable[[dict[str, str]], bytes] = lambda query: query["echostr"].encode()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                query = dict(parse_qsl(urlsplit(self.path).query))
                shop.calls.append(SimpleNamespace(path=urlsplit(self.path).path, query=query, body=b"", headers=self.headers))
                self.send_response(200)
                self.send_header("Content-Length", str(len(shop.echo(query))))
                self.end_headers()
                self.wfile.write(shop.echo(query))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                split = urlsplit(self.path)
                call = SimpleNamespace(
                    path=split.path, query=dict(parse_qsl(split.query)), body=body, headers=self.headers, at=time.monotonic()
                )
                shop.calls.append(call)
                answer = shop.answer(call)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *_: Any) -> None:
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/wechat"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def events(self) -> list[str]:
        """The Event (or MsgType) of each callback, as plain XML says it."""
        found = []
        for call in self.calls:
            match = re.search(rb"<Event><!\[CDATA\[(.*?)\]\]>", call.body) or re.search(rb"<MsgType><!\[CDATA\[(.*?)\]\]>", call.body)
            found.append(match.group(1).decode())
        return found


def text_reply(to: str, sender: str, content: str) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{to}]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
        f"<CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{content}]]></Content></xml>"
    ).encode()


def fields_of(body: bytes) -> dict[str, str]:
    """The flat fields of an XML body."""
    text = body.decode()
    return {name: plain or cdata for name, cdata, plain in re.findall(r"<(\w+)>(?:<!\[CDATA\[(.*?)\]\]>|([^<>]*))</\1>", text, re.DOTALL)}
