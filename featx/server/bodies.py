"""Bodies as they arrive: how much of them, of all of them together, and how fast."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message, Receive

from featx.server.errors import HTTPError
from featx.server.limits import Limits

__all__ = ["LEFT", "Bodies", "Body", "Peer"]

LEFT = "the client has left"
"""The argument of the CancelledError that ends a request whose client has left."""


@dataclass(slots=True, eq=False)
class Peer:
    """The client's end of a connection; a server that knows it leaves it in the scope, under ``featx.peer``.

    A request can do without: it then takes a timer for each piece of its body, and a task that waits for its
    client to leave.

    Attributes
    ----------
    arrived : asyncio.Event or None
        Set where a message can be received without waiting; None before the first request.
    on_leave : set of callable
        Called where the connection is closed.
    """

    arrived: asyncio.Event | None = None
    on_leave: set[Callable[[], object]] = field(default_factory=set)


class Bodies:
    """The bytes of all bodies that have arrived and are not answered yet."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0

    def body(self, receive: Receive, peer: Peer | None = None) -> Body:
        """Return the body of a request, of which nothing is read yet."""
        return Body(self, receive, peer)


@dataclass(slots=True)
class Body:
    """The body of one request.

    Attributes
    ----------
    received : int
        Bytes that have been read.
    left : bool
        Whether the client has left before its request was answered.
    """

    _bodies: Bodies
    _receive: Receive
    _peer: Peer | None = None
    received: int = 0
    left: bool = False
    _held: int = 0
    _start: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    _whole: bool = False
    # The request that is cancelled where its client leaves, and the task that waits for that without a peer.
    _task: asyncio.Task[Any] | None = None
    _watch: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """Return the next message of the client.

        Raises
        ------
        HTTPError
            The body is too large (413), comes too slowly (408), or is too much beside the others (429).
        """
        if self._whole:
            return self._note(await self._receive())
        arrived = self._peer.arrived if self._peer is not None else None
        if arrived is not None and arrived.is_set():
            message = await self._receive()
        else:
            message = await self._receive_in_time()
        size = len(message.get("body", b""))
        self.received += size
        if self.received > self._bodies.limits.max_body:
            raise self.too_large()
        self.count(size)
        self._whole = not message.get("more_body", False)
        self._note(message)
        if self._whole and not self.left:
            self._watch_client()
        return message

    def count(self, size: int) -> None:
        """Count bytes among those of all bodies until ``release``; raise HTTPError (429) for too many."""
        limit = self._bodies.limits.body_bytes
        if self._bodies.held + size > limit:
            raise HTTPError(
                429,
                "busy",
                f"the bodies of all requests are more than {limit} bytes together; try again in 1 s",
                {"Retry-After": "1"},
            )
        self._bodies.held += size
        self._held += size

    def release(self) -> None:
        """Count the bytes no longer: the request is answered, or has no client."""
        self.answer()
        self._bodies.held -= self._held
        self._held = 0

    def too_large(self) -> HTTPError:
        """Return the refusal of a body over the limit."""
        return HTTPError(
            413,
            "too_large",
            f"the body is larger than the limit of {self._bodies.limits.max_body} bytes",
        )

    def answer(self) -> None:
        """Watch the client no longer: its answer begins."""
        if self._watch is not None:
            self._watch.cancel()
        elif self._peer is not None:
            self._peer.on_leave.discard(self._leave)

    async def _receive_in_time(self) -> Message:
        limits = self._bodies.limits
        latest = self._start + limits.stall_timeout + self.received / limits.min_rate
        try:
            async with asyncio.timeout_at(latest):
                return await self._receive()
        except TimeoutError:
            raise HTTPError(
                408,
                "too_slow",
                f"{self.received} bytes of the body came in "
                f"{asyncio.get_running_loop().time() - self._start:.0f} s; expected at least "
                f"{limits.min_rate} a second",
                {"Connection": "close"},
            ) from None

    def _watch_client(self) -> None:
        """Cancel the request once its client has left: nobody waits for what is not yet worked on."""
        self._task = asyncio.current_task()
        if self._peer is not None:
            self._peer.on_leave.add(self._leave)
        else:
            self._watch = asyncio.create_task(self._leave_with_client())

    async def _leave_with_client(self) -> None:
        self._note(await self._receive())
        if self.left:
            self._leave()

    def _leave(self) -> None:
        self.left = True
        if self._task is not None:
            self._task.cancel(LEFT)

    def _note(self, message: Message) -> Message:
        self.left = self.left or message["type"] == "http.disconnect"
        return message
