"""A real mail server of tests, which keeps what it takes: with or without encryption and a login."""

import email
import email.policy
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class MailServer:
    """A server on a port of its own, and the mails that it took.

    folder: where its certificate is made, else it does not encrypt; password: of the user "me", else there is no login;
    refuse: what it answers to each mail.
    """

    def __init__(self, folder: Path | None = None, password: str = "", refuse: str = "", port: int = 0) -> None:
        self.mails, self.password, self.refuse = [], password, refuse
        options = {}
        if folder:
            options = {"tls_context": _context(folder), "require_starttls": True}
        if password:
            options |= {"auth_required": True, "authenticator": self._login, "auth_require_tls": bool(folder)}
        self.port = port or free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self.controller.start()
        self.running = True

    async def handle_DATA(self, server, session, envelope):
        if self.refuse:
            return self.refuse
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def _login(self, server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (b"me", self.password.encode())
        return AuthResult(success=right, handled=False)  # the answer is the server's to give

    def stop(self) -> None:
        """Stop, where it was not stopped already."""
        if self.running:
            self.controller.stop()
        self.running = False


def plain(mail) -> str:
    """The plain text of a mail."""
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def _context(folder: Path) -> ssl.SSLContext:
    """A certificate of its own for localhost, which clients may take as its own authority: folder/cert.pem."""
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    made = ("-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2")
    subprocess.run(["openssl", "req", "-x509", *made, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture
def mail_server():
    """Start mail servers: mail_server(password="x") -> MailServer; all are stopped at the end."""
    started = []

    def start(**options) -> MailServer:
        started.append(MailServer(**options))
        return started[-1]

    yield start
    for server in started:
        server.stop()
