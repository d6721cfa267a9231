"""Who may ask, and what a browser may do with the answers."""

import hashlib
import hmac
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vmas_pipeline.server.problems import Problem, answer

COOKIE = "vmas_session"

_OPEN = ("/health", "/ready", "/v1/session", "/openapi.json")
"""Answered without the token, beside the page's own files; they tell nothing about jobs."""

_NONCE = "script-src 'self'; style-src 'self' 'nonce-{nonce}'"
_POLICY = (
    "default-src 'none'; {own}; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads its own files only; its styles in shadow trees carry the nonce."""


class Guard:
    """Middleware: the token where one is set, requests of this site only, and headers that keep browsers careful."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["nonce"] = nonce = secrets.token_urlsafe(12)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _protect(MutableHeaders(scope=message), scope["path"], nonce)
            await send(message)

        refusal = self._refusal(scope)
        await (self.app if refusal is None else answer(refusal))(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
        if foreign and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            return Problem(
                403, "origin", f"the page {str(origin)[:100]!r} may send nothing here: open this server's own"
            )
        if self.token is None and not _names_this_machine(headers.get("host", "")):
            return Problem(403, "host", "without a token the server answers to the names of this machine only")
        if self.token is None or not _is_private(scope["path"]) or presents(HTTPConnection(scope), self.token):
            return None
        return Problem(401, "token", "send the server's token: Authorization: Bearer TOKEN, or type it on the page")


def presents(request: HTTPConnection, token: str) -> bool:
    """Whether a request carries the token, or the cookie that was given for it."""
    kind, _, sent = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return same(sent.strip(), token)
    return same(request.cookies.get(COOKIE, ""), session(token))


def same(sent: str, expected: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode())


def session(token: str) -> str:
    """The cookie's value: it opens the API as the token does, but does not contain it."""
    return hmac.digest(token.encode(), b"vmas session", hashlib.sha256).hex()


def _is_private(path: str) -> bool:
    return path not in _OPEN and (path.startswith("/v1/") or path == "/metrics")


def _names_this_machine(host: str) -> bool:
    """A page on another site whose name is made to point here (DNS rebinding) sends its own name."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name.strip("[]") in ("localhost", "::1", "testserver", "") or name.startswith("127.")


def _protect(headers: MutableHeaders, path: str, nonce: str) -> None:
    own = _NONCE.format(nonce=nonce) if not path.startswith("/v1/") else "sandbox"
    headers["Content-Security-Policy"] = _POLICY.format(own=own)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
    if path.startswith("/v1/"):
        headers.setdefault("Cache-Control", "no-store")
