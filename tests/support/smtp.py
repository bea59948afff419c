"""A post office on loopback: speaks enough SMTP to take letters, refuses when told to, and keeps what it was handed."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


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
    secure: ssl.SSLContext | None = None
    """With it the office understands `STARTTLS`, and says in `sealed` which commands came under TLS."""
    sealed: list[str] = field(default_factory=list)

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


def sign_for_loopback(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for 127.0.0.1, and the certificate by which a client may trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "office")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "office.pem", folder / "office.key"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return context, certificate


def _talk(office: Office, line: socket.socket, *, sealed: bool = False) -> None:
    with line, line.makefile("rb") as reader:
        line.settimeout(10)
        if not sealed:
            line.sendall(b"220 office\r\n")
        to = ""
        for raw in reader:
            said = raw.decode("ascii", "replace").strip()
            verb = said.split(" ")[0].split(":")[0].upper()
            (office.sealed if sealed else office.heard).append(verb)
            if verb == "STARTTLS" and office.secure is not None:
                line.sendall(b"220 go on\r\n")
                with suppress(OSError):
                    _talk(office, office.secure.wrap_socket(line, server_side=True), sealed=True)
                return
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


_ANSWERS = {"EHLO": b"250-office\r\n250-STARTTLS\r\n250 AUTH PLAIN", "AUTH": b"235 welcome", "DATA": b"354 go on", "QUIT": b"221 bye"}


def _body(reader: "socket.SocketIO | object") -> bytes:
    lines = []
    for raw in reader:  # type: ignore[union-attr,attr-defined]
        if raw == b".\r\n":
            break
        lines.append(raw[1:] if raw.startswith(b".") else raw)
    return b"".join(lines)
