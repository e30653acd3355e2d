"""Who may ask: the token and its cookie, the address that was asked, the page that asks; and what a page may do.

A browser sends cookies to this address whoever's page it shows. So a request must come to a name of this server (Host:
else a name that somebody lets point here reads answers), from its own pages (Origin), with the token.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
)
"""What a page of this server may load, as browsers read it: its own files alone, and no script within a page."""

SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
BODY_BYTES = 16 << 20  # of a request, which is held in memory; uploads are not, and have a limit of their own
NO_TOKEN = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>mrdl</title><h1>Not let in</h1><p>This page needs the token in the address that <code>mrdl web</code> printed.
<p>If you came by a link and have been here before, <a href="">open it again</a>."""


@dataclass
class Guard:
    """Lets a request through to an application if it may come; a middleware of ASGI.

    token: that of the address; hosts: what Host may be, with its port; cookie: its name, which tells servers on other
    ports apart, as browsers do not.
    """

    app: ASGIApp
    token: str
    hosts: frozenset[str]
    cookie: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            """Send with the headers that say what a page may do."""
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._answer(scope)
        is_upload = scope["method"] == "PUT" and scope["path"].startswith("/api/uploads/")
        await (answer or self.app)(scope, receive if is_upload else _limited(receive), send_safely)

    def _answer(self, scope: Scope) -> Response | None:
        """What is answered in place of the application; None where the request may come."""
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            return _refusal(403, f"this server is not {host[:100]!r}: open the address that `mrdl web` printed")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            return _refusal(403, "the request comes from a page of another server")
        given = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if "token" in given and scope["method"] == "GET":
            return self._with_cookie(scope, given)
        if self._is_known(headers):
            return None
        if "text/html" in headers.get("accept", ""):
            return HTMLResponse(NO_TOKEN, 401)
        return _refusal(401, "no token: open the address that `mrdl web` printed, or send Authorization: Bearer TOKEN")

    def _is_known(self, headers: Headers) -> bool:
        """Whether a request brings the token, as a bearer or in its cookie."""
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._is_token(bearer)
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        return found is not None and self._is_token(found.value)

    def _is_token(self, text: str) -> bool:
        """Whether a text is the token, told in the same time for all that are not."""
        return hmac.compare_digest(text.encode(), self.token.encode())

    def _with_cookie(self, scope: Scope, given: dict[str, str]) -> Response:
        """The same page without the token, so that it stays in no history, and the cookie in its place."""
        if not self._is_token(given.pop("token")):
            return _refusal(401, "the token in the address is not this server's: it may be that of an earlier start")
        path = re.sub(r"^[/\\]+", "/", scope["path"])  # "//evil" would be another server
        response = RedirectResponse(path + (f"?{urlencode(given)}" if given else ""), 303)
        response.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", max_age=90 * 86400, path="/")
        return response


def _limited(receive: Receive) -> Receive:
    """Take in no more of a request than fits in memory; raises 413."""
    taken = 0

    async def limited() -> Message:
        """Receive a piece of the request, and count it."""
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_BYTES:
            raise HTTPException(413, f"the request is longer than {BODY_BYTES:,} bytes")
        return message

    return limited


def _refusal(status: int, words: str) -> JSONResponse:
    """An answer in words in place of the application."""
    return JSONResponse({"error": words}, status)


def hosts_of(names: Iterable[str], port: int) -> frozenset[str]:
    """What Host may be for a server with these names on a port.

    hosts_of(["::1", "localhost"], 8713) == {"[::1]:8713", "localhost:8713"}
    """
    found = set()
    for name in names:
        shown = f"[{name}]" if ":" in name else name
        found |= {f"{shown}:{port}".lower(), *([shown.lower()] if port == 80 else [])}
    return frozenset(found)
