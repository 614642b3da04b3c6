"""What stands between the network and the application: hosts, origins, the token, the bytes of a request, headers.

A page of another site can neither post to the studio nor read from it, not even under a name that it lets point to
this machine (DNS rebinding).
"""

import hmac
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_POLICY", "Guard"]

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files, and nothing from another host."""

_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_COOKIE = "impasto-token-{}"
"""The name of the cookie of the token, with the port: browsers give cookies to all ports of a host."""

COOKIE_SECONDS = 30 * 24 * 3600
"""Seconds for which a browser holds the cookie."""

MAX_JSON_BYTES = 1_000_000
"""The most bytes of a request that is not an upload."""


class Guard:
    """An ASGI middleware that refuses what does not come from the page, or from a program with the token.

    Args:
        app: The application.
        hosts: The names that a request may give for this server; empty for any, which needs a token.
        token: What a request must carry: as a cookie, which the link of the page sets, or as a bearer token; empty for
            none.
        max_bytes: The most bytes of an upload.

    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], token: str, max_bytes: int) -> None:
        self._app, self._hosts, self._token, self._max_bytes = app, hosts, token, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        is_upload = scope["path"] == "/api/uploads" or headers.get("content-type", "").startswith("multipart/")
        limit = self._max_bytes if is_upload else MAX_JSON_BYTES
        refusal = self._refusal(scope, headers, token) or _length_refusal(headers, limit)
        if refusal is not None:
            status, sentence = refusal
            await JSONResponse({"error": sentence}, status, _HEADERS)(scope, receive, send)
        elif token and self._token:
            await self._redirect(scope)(scope, receive, send)
        else:
            await self._pass(scope, receive, send, limit)

    def _refusal(self, scope: Scope, headers: Headers, token: str) -> tuple[int, str] | None:
        """Return the status and the sentence with which a request is refused, or None."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._hosts and host not in self._hosts:
            return 421, f"this server is not {host[:100]!r}; open the link that impasto studio printed."
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "the request comes from the page of another site."
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"} and headers.get("sec-fetch-mode") != "navigate":
            return 403, "the request comes from the page of another site."
        if self._token and not any(_is_equal(self._token, each) for each in (token, *_tokens(headers, _cookie(scope)))):
            return 401, "the token is missing; open the link that impasto studio printed."
        if "\0" in scope["path"] or ".." in scope["path"].split("/"):
            return 400, "the path is not accepted."
        return None

    def _redirect(self, scope: Scope) -> RedirectResponse:
        """Send the browser to the same page without the token in its address, and give it the cookie."""
        response = RedirectResponse("/" + scope["path"].lstrip("/"), 303, _HEADERS)
        response.set_cookie(_cookie(scope), self._token, max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
        return response

    async def _pass(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """Let the application answer; count the bytes of the request, and add the headers of the answer."""
        count = 0

        async def receive_counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > limit:
                raise HTTPException(*_too_large(limit))
            return message

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive_counted, send_with_headers)


def _length_refusal(headers: Headers, limit: int) -> tuple[int, str] | None:
    """Return the status and the sentence with which a request is refused by its stated length, or None."""
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        return 400, "the length of the request is not a number."
    return _too_large(limit) if int(length) > limit else None


def _too_large(limit: int) -> tuple[int, str]:
    """Return the status and the sentence of a request with too many bytes."""
    return 413, f"the request has more than {limit / 1e6:g} MB, which is the most that this studio takes."


def _cookie(scope: Scope) -> str:
    """Return the name of the cookie of the token of this server."""
    return _COOKIE.format((scope.get("server") or ("", 0))[1])


def _tokens(headers: Headers, name: str) -> tuple[str, str]:
    """Return the tokens of a request: that of its cookie and that of its authorization."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        cookie = None
    return cookie.value if cookie else "", headers.get("authorization", "").removeprefix("Bearer ")


def _is_equal(token: str, candidate: str) -> bool:
    """Compare tokens in a time that does not depend on where they differ."""
    return hmac.compare_digest(token.encode(), candidate.encode())
