"""Connections: what a client may send before a request is there, and how long it may take to send and read.

uvicorn hands over a request once its head is complete, and waits for that, and for answers to be read, as long
as the client likes. So heads are counted and timed here, and the slowest clients make room for others before
the process runs out of descriptors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from featx.server.bodies import Peer
from featx.server.errors import HTTPError, error_response
from featx.server.limits import Limits

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent

__all__ = ["ConnectionProtocol", "close_stalled", "protocol_of"]

# Bytes and number of the lines of a head, and the requests that may follow one that is not answered yet.
_MAX_HEAD, _MAX_HEADERS, _MAX_PIPELINED = 1 << 15, 100, 16
# Bytes of a chunked body that are no content, for each byte of content, and at least.
_MAX_FRAMING, _FREE_FRAMING = 8, 1 << 16
# Bytes of a body that is copied behind the head of its answer.
_JOINED = 1 << 16
# Headers that say how an answer is written, and the bytes that a header may hold.
_SPECIAL = frozenset({b"connection", b"transfer-encoding"})
_VISIBLE = bytes({9, *range(32, 127), *range(128, 256)})
# Seconds until a connection is closed whose client was refused: closed at once, with something unread, it would
# lose the refusal.
_LINGER_SECONDS = 1.0


class _Refused(Exception):
    """A head that is not read to its end."""


class ConnectionProtocol(HttpToolsProtocol):
    """A connection of uvicorn that bounds heads, and tells since when it waits for its client.

    Attributes
    ----------
    limits : Limits
        Of these the times of heads and answers are enforced here.
    max_connections : int
        Of the server; where there are more, the one that has waited longest for its client is closed.
    """

    limits: Limits
    max_connections: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, in the place of another client where there are too many."""
        self._refusal: HTTPError | None = None
        self._refused = False
        self._head_bytes = self._line_bytes = self._raw_bytes = self._body_bytes = 0
        self._headers_left = _MAX_HEADERS
        self._in_head, self._in_body, self._asks_upgrade = True, False, False
        self._since = self._read_since = self.loop.time()
        self._unread = 0
        self._peer = Peer()
        self.app = _joining(self.app)
        super().connection_made(transport)
        if len(self.connections) > self.max_connections and not self._make_room():
            self._refuse(503, "busy", "more connections than this server takes; try again in 1 s")
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is worked on that nobody waits for it."""
        super().connection_lost(exc)
        for leave in list(self._peer.on_leave):
            leave()

    def data_received(self, data: bytes) -> None:
        """Read what a client sends; a head that is too long is refused before it is built."""
        if self._refused or self.transport.is_closing():
            return
        if self._in_body:
            self._raw_bytes += len(data)
        else:
            if not self._head_bytes:
                self._since = self.loop.time()
            self._head_bytes += len(data)
        self._unset_keepalive_if_required()
        self._feed(data)
        # A head that this piece has ended is counted by its lines.
        if self._in_head and self._head_bytes > _MAX_HEAD:
            self._refuse(431, "head_too_large", f"the head is larger than {_MAX_HEAD} bytes")
        # Chunks that hold next to nothing.
        elif self._raw_bytes > _FREE_FRAMING + _MAX_FRAMING * self._body_bytes:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        super().on_message_begin()
        self.scope["featx.peer"] = self._peer  # type: ignore[typeddict-unknown-key]
        self._in_head, self._in_body = True, False
        self._headers_left, self._line_bytes = _MAX_HEADERS, 0
        if len(self.pipeline) >= _MAX_PIPELINED:
            self._fail(429, "busy", f"more than {_MAX_PIPELINED} requests wait in this connection")

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._line_bytes += len(url)
        if self._line_bytes > _MAX_HEAD:
            self._fail_large()
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head, or one behind a chunked body."""
        # A dozen of them come with every request: counted here, and not by calls.
        self._headers_left -= 1
        self._line_bytes += len(name) + len(value)
        if self._line_bytes > _MAX_HEAD:
            self._fail_large()
        if self._headers_left < 0:
            self._fail(431, "head_too_large", f"more than {_MAX_HEADERS} headers")
        # What stands behind a body must not change what its head has said (RFC 9110, section 6.5.1).
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand over the request, unless it is to be read again without its wish for another protocol."""
        self._asks_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._asks_upgrade:
            return
        self._in_head, self._in_body = False, True
        self._head_bytes = self._raw_bytes = self._body_bytes = 0
        self._since = self.loop.time()
        super().on_headers_complete()
        self._peer.arrived = self.cycle.message_event

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the answer, or for the next head where it is given."""
        if self._asks_upgrade:
            return
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin to wait for the client: for the rest of its body, until it has read, for its next request."""
        self._since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request in the form of every failure, and close the connection."""
        refusal = self._refusal or HTTPError(400, "bad_request", f"not a request of HTTP: {msg}")
        self._write_refusal(refusal)

    def waiting_since(self) -> float | None:
        """Return since when it waits for its client; None while its request is worked on."""
        if self._in_head or self._in_body or self.cycle is None or self.cycle.response_complete:
            return self._since
        return None

    def check(self, now: float) -> None:
        """Close the connection where its client has had its time."""
        waited = now - self._since
        if self._is_stalled(now):
            self.transport.abort()
        elif self._refused:
            if waited > _LINGER_SECONDS:
                self.transport.close()
        elif self.cycle is not None and not self.cycle.response_complete:
            # What is worked on, and bodies that are read, have times of their own.
            return
        elif self._in_body:
            if waited > self.limits.stall_timeout:
                self.transport.abort()
        elif waited > self.limits.head_timeout and (self._head_bytes or self.cycle is None):
            words = f"no whole head within {self.limits.head_timeout:g} s"
            self._refuse(408, "too_slow", words)

    def _feed(self, data: bytes) -> None:
        """Parse what has come; a request that asks for another protocol beside is answered in this one.

        The parser takes all behind such a head for the other protocol, so that the body would be lost: clients
        that would rather speak HTTP/2 ask so with every request.
        """
        while data:
            try:
                self.parser.feed_data(data)
                return
            except HttpParserError:
                message = "Invalid HTTP request received."
                self.logger.warning(message)
                self.send_400_response(message)
                return
            except HttpParserUpgrade as upgrade:
                # Nothing may follow CONNECT.
                if not self._asks_upgrade:
                    return
                [end] = upgrade.args
                data = self._head_without_upgrade() + data[end:]
                self.parser = HttpRequestParser(self)
                # As uvicorn sets it: the rest is dropped behind a request that is to close the connection.
                # The first releases of httptools cannot, and need not be told.
                with suppress(AttributeError):
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode("ascii")
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % pair for pair in self.headers if pair[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _is_stalled(self, now: float) -> bool:
        """Tell whether the client reads too little of its answers."""
        unread = self.transport.get_write_buffer_size()
        enough = self.limits.min_rate * self.limits.stall_timeout
        if not unread or not self._unread - enough < unread <= self._unread:
            self._unread, self._read_since = unread, now
        return unread > 0 and now - self._read_since > self.limits.stall_timeout

    def _make_room(self) -> bool:
        """Close the connection that has waited longest for its client; return whether there is one."""
        waiting = [
            (since, connection)
            for connection in self.connections
            if connection is not self
            and isinstance(connection, ConnectionProtocol)
            and not connection.transport.is_closing()
            and (since := connection.waiting_since()) is not None
        ]
        if not waiting:
            return False
        _, oldest = min(waiting, key=lambda pair: pair[0])
        oldest.transport.abort()
        return True

    def _fail_large(self) -> None:
        self._fail(431, "head_too_large", f"the head is larger than {_MAX_HEAD} bytes")

    def _fail(self, status: int, code: str, message: str) -> None:
        """End parsing: the parser tells uvicorn, which asks for ``send_400_response``."""
        self._refusal = HTTPError(status, code, message)
        raise _Refused

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._write_refusal(HTTPError(status, code, message))

    def _write_refusal(self, refusal: HTTPError) -> None:
        """Answer outside the application, once, read no more, and close in a while."""
        if self._refused:
            return
        self._refused, self._since = True, self.loop.time()
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete:
            # An answer that is under way cannot be followed by another one.
            if self.cycle.response_started:
                self.transport.close()
                return
            # Its request will never be whole, and is not answered by the application.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        response = error_response(refusal)
        lines = [b"Connection: close", *(b": ".join(pair) for pair in response.raw_headers)]
        head = STATUS_LINE[refusal.status] + b"\r\n".join([*lines, b"", b""])
        self.transport.write(head + bytes(response.body))


class _Answer:
    """The sending half of a request: an answer that is there as a whole is written at once.

    uvicorn writes the head of an answer and its body one after the other: two packets, for each of which the
    kernel does all that it does for one and wakes the client.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._start: HTTPResponseStartEvent | None = None

    async def send(self, message: ASGISendEvent) -> None:
        """Keep the head of the answer until the first piece of its body is there, and send both."""
        start, self._start = self._start, None
        if message["type"] == "http.response.start" and not self._cycle.response_started:
            self._start = message
        elif start is None:
            await self._cycle.send(message)
        elif message["type"] != "http.response.body" or not self._write(start, message):
            # A stream, an answer to HEAD, and whatever else is not common.
            await self._cycle.send(start)
            await self._cycle.send(message)

    def _write(self, start: HTTPResponseStartEvent, message: HTTPResponseBodyEvent) -> bool:
        """Write a whole answer as uvicorn would; return whether it is one."""
        cycle, body, headers = self._cycle, message.get("body", b""), dict(start["headers"])
        lines = [b"%s: %s\r\n" % pair for pair in (*cycle.default_headers, *start["headers"])]
        head = b"".join(lines)
        if (
            message.get("more_body", False)
            or headers.get(b"content-length") != b"%d" % len(body)
            or len(body) > _JOINED
            or not _SPECIAL.isdisjoint(headers)
            # Older releases of uvicorn look for it only when they write.
            or (b"connection", b"close") in cycle.scope["headers"]
            # A line hides another one.
            or head.translate(None, _VISIBLE) != b"\r\n" * len(lines)
            or cycle.scope["method"] == "HEAD"
            or cycle.disconnected
            or cycle.flow.write_paused
        ):
            return False
        if not cycle.keep_alive:
            head += b"connection: close\r\n"
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(STATUS_LINE[start["status"]] + head + b"\r\n" + body)
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


def _joining(app: Any) -> Any:
    """Return an application whose answers are sent by ``_Answer``; uvicorn's cycle is behind its ``send``."""

    def answer(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        return app(scope, receive, _Answer(send.__self__).send)  # type: ignore[no-any-return]

    return answer


def protocol_of(limits: Limits, max_connections: int) -> type[ConnectionProtocol]:
    """Return the protocol of a server's connections, for uvicorn."""
    values = {"limits": limits, "max_connections": max_connections}
    return type("ConnectionProtocol", (ConnectionProtocol,), values)


async def close_stalled(connections: Callable[[], Iterable[Any]], every: float = 0.25) -> None:
    """Close connections whose clients have had their time, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(every)
        now = loop.time()
        for connection in list(connections()):
            try:
                connection.check(now)
            # One connection must not end what looks after all others.
            except Exception:
                connection.transport.abort()
