"""A post office on loopback: speaks enough SMTP to take letters, refuses when told to, and keeps what it was handed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass
class Office:
    """What a test tells the post office, and what came in."""

    port: int
    letters: list[tuple[str, bytes]] = field(default_factory=list)
    refuse: dict[str, bytes] = field(default_factory=dict)
    """The answer to a command (`RCPT`, `DATA`, `END`) in place of yes."""
    hang_up: set[str] = field(default_factory=set)
    """Commands after which the line goes dead; after `END` the letter is kept all the same."""
    heard: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def opened(self) -> list[EmailMessage]:
        """The letters, parsed."""
        return [message_from_bytes(body, policy=default) for _, body in self.letters]  # type: ignore[misc]


@contextmanager
def post_office() -> Iterator[Office]:
    """A post office that is open for as long as the block runs."""
    listening = socket.create_server(("127.0.0.1", 0))
    office = Office(listening.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_talk, args=(office, line), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield office
    finally:
        listening.close()


def _talk(office: Office, line: socket.socket) -> None:
    with line, line.makefile("rb") as reader:
        line.settimeout(10)
        line.sendall(b"220 office\r\n")
        to = ""
        for raw in reader:
            said = raw.decode("ascii", "replace").strip()
            verb = said.split(" ")[0].split(":")[0].upper()
            office.heard.append(verb)
            if verb == "RCPT":
                to = said.partition("<")[2].partition(">")[0]
            answer = office.refuse.get(verb) or _ANSWERS.get(verb, b"250 yes")
            if verb in office.hang_up:
                return
            line.sendall(answer + b"\r\n")
            if verb == "QUIT":
                return
            if verb == "DATA" and answer.startswith(b"3"):
                body = _body(reader)
                refused = office.refuse.get("END")
                if refused is None:
                    office.letters.append((to, body))
                if "END" in office.hang_up:
                    return
                line.sendall((refused or b"250 taken") + b"\r\n")


_ANSWERS = {"EHLO": b"250 office", "DATA": b"354 go on", "QUIT": b"221 bye"}


def _body(reader: "socket.SocketIO | object") -> bytes:
    lines = []
    for raw in reader:  # type: ignore[union-attr,attr-defined]
        if raw == b".\r\n":
            break
        lines.append(raw[1:] if raw.startswith(b".") else raw)
    return b"".join(lines)
