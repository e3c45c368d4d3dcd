"""Bodies as they arrive: too slowly, too large, or too much beside others."""

import asyncio

import pytest

from featx.server import Limits
from featx.server.bodies import Bodies
from featx.server.errors import HTTPError


def client_of(*pieces, wait=0.0):
    """Return the receiving half of a client that sends pieces and waits before each."""
    rest = list(pieces)

    async def receive():
        await asyncio.sleep(wait)
        return {"type": "http.request", "body": rest.pop(0), "more_body": bool(rest)}

    return receive


async def read(body):
    content = b""
    while True:
        message = await body.receive()
        content += message.get("body", b"")
        if not message.get("more_body"):
            return content


def test_a_body_that_stands_still_is_refused_and_one_that_comes_slowly_is_not():
    limits = Limits(stall_timeout=0.3, min_rate=1000)

    async def ask():
        bodies = Bodies(limits)
        # 300 bytes are worth as many milliseconds.
        steady = bodies.body(client_of(*[bytes(300)] * 4, wait=0.1))
        assert await read(steady) == bytes(1200)
        slow = bodies.body(client_of(*[b"a"] * 100, wait=0.1))
        with pytest.raises(HTTPError) as refused:
            await read(slow)
        return refused.value

    refused = asyncio.run(ask())
    assert (refused.status, refused.code) == (408, "too_slow")
    assert "expected at least 1000 a second" in str(refused)


def test_bodies_of_all_requests_together_are_bounded_and_the_bound_is_free_again_after_them():
    limits = Limits(max_body=100, max_bodies=250)

    async def ask():
        bodies = Bodies(limits)
        first, second, third = (bodies.body(client_of(bytes(90))) for _ in range(3))
        await read(first)
        await read(second)
        with pytest.raises(HTTPError) as refused:
            await read(third)
        assert refused.value.status == 429
        assert refused.value.headers["Retry-After"] == "1"
        with pytest.raises(HTTPError):
            second.count(90)
        first.release()
        assert await read(bodies.body(client_of(bytes(90)))) == bytes(90)
        second.release()
        third.release()
        assert bodies.held == 90

    asyncio.run(ask())


def test_a_body_over_the_limit_is_refused_when_its_first_byte_too_many_has_come():
    async def ask():
        body = Bodies(Limits(max_body=100)).body(client_of(bytes(60), bytes(60), bytes(60)))
        with pytest.raises(HTTPError) as refused:
            await read(body)
        assert (refused.value.status, body.received) == (413, 120)

    asyncio.run(ask())
