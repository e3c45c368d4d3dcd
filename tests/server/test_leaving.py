"""What becomes of the work of clients that leave before they are answered."""

import asyncio
import threading

import pytest

from featx.server import Limits, create_app
from featx.server.bodies import Peer
from tests.support.serving import DARK, LIGHT

QUEUED_TURNS = 200


class Client:
    """A request to an application, whose client can leave; ``tells`` is whether the server says so itself."""

    tells = False

    def __init__(self, app, body, path="/v1/predict", kind=b"image/png"):
        self.messages = []
        self._parts = [{"type": "http.request", "body": body, "more_body": False}]
        self._gone = asyncio.Event()
        headers = [(b"host", b"localhost"), (b"content-type", kind)]
        scope = {"type": "http", "method": "POST" if body else "GET", "path": path}
        scope |= {"raw_path": path.encode(), "query_string": b"", "root_path": ""}
        scope |= {"headers": headers, "http_version": "1.1", "scheme": "http", "server": None}
        self._peer = Peer(asyncio.Event())
        self._peer.arrived.set()
        if self.tells:
            scope["featx.peer"] = self._peer
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self):
        if self._parts:
            return self._parts.pop()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        self.messages.append(message)

    def leave(self):
        """Close the connection."""
        self._gone.set()
        for leave in list(self._peer.on_leave):
            leave()

    async def answer(self):
        """Return status and body once it is answered."""
        await asyncio.wait_for(self.task, 20)
        body = b"".join(message.get("body", b"") for message in self.messages)
        return self.messages[0]["status"], body.decode()


async def metric(app, name):
    """Return what /metrics says of a name."""
    _, text = await Client(app, b"", "/metrics").answer()
    [line] = [line for line in text.splitlines() if line.startswith(name)]
    return float(line.split()[-1])


async def begun(head):
    """Wait until a worker is at the head."""
    assert await asyncio.to_thread(head.begun.acquire, timeout=20)


async def queue(app, count):
    """Return clients of a picture each, once all of them wait for a worker."""
    before = await metric(app, "featx_requests_held ")
    clients = [Client(app, DARK if k % 2 else LIGHT) for k in range(count)]
    for _ in range(QUEUED_TURNS):
        await asyncio.sleep(0)
    assert await metric(app, "featx_requests_held ") == before + count
    return clients


@pytest.fixture(params=[False, True], ids=["any server", "own server"], autouse=True)
def tells(request, monkeypatch):
    monkeypatch.setattr(Client, "tells", request.param)


@pytest.fixture
def records():
    return []


@pytest.fixture
def held(slow, records):
    """An application of one worker, and the head that keeps it."""
    classifier, head = slow
    rows = []
    scores = head.scores
    head.scores = lambda given: rows.append(len(given)) or scores(given)
    limits = Limits(workers=1, queue=9)
    app = create_app({"slow": classifier}, limits=limits, log=records.append)
    return app, head, rows


def test_what_waits_for_a_client_that_has_left_is_not_worked_on_and_the_others_go_on(held, records):
    app, head, rows = held

    async def ask():
        first = Client(app, DARK)
        await begun(head)
        clients = await queue(app, 4)
        for client in clients[:3]:
            client.leave()
        for client in clients[:3]:
            await asyncio.wait_for(client.task, 20)
        assert await metric(app, "featx_requests_held ") == 2
        head.go.set()
        return clients, [await first.answer(), await clients[3].answer()]

    clients, answers = asyncio.run(ask())
    assert [client.messages for client in clients[:3]] == [[], [], []]
    assert [status for status, _ in answers] == [200, 200]
    assert rows == [1, 1]
    statuses = [record["status"] for record in records if record["method"] == "POST"]
    assert sorted(statuses) == [200, 200, 499, 499, 499]


class Turns:
    """A sign that is given so many times, and then always."""

    def __init__(self):
        self._turns = threading.Semaphore(0)

    def wait(self, seconds):
        """Take a turn."""
        return self._turns.acquire(timeout=seconds)

    def set(self, turns=1000):
        """Give turns."""
        self._turns.release(turns)


def test_a_batch_that_is_worked_on_goes_on_for_those_who_stay(held):
    app, head, rows = held
    head.go = Turns()

    async def ask():
        first = Client(app, DARK)
        await begun(head)
        clients = await queue(app, 3)
        head.go.set(1)
        await first.answer()
        await begun(head)
        clients[1].leave()
        await asyncio.wait_for(clients[1].task, 20)
        head.go.set()
        return [await client.answer() for client in (clients[0], clients[2])]

    answers = asyncio.run(ask())
    assert [status for status, _ in answers] == [200, 200]
    assert rows == [1, 3]


def test_clients_that_leave_do_not_make_a_classifier_suspect(held):
    app, head, _ = held

    async def ask():
        first = Client(app, DARK)
        await begun(head)
        for client in await queue(app, 8):
            client.leave()
            await asyncio.wait_for(client.task, 20)
        # A suspect would be tried, and the worker is taken.
        ready = await Client(app, b"", "/readyz").answer()
        head.go.set()
        await first.answer()
        return ready

    assert asyncio.run(ask()) == (200, '{"status":"ready"}')


def test_all_samples_of_a_request_are_taken_off_with_it(held):
    app, head, rows = held
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form = b"".join(part + DARK + b"\r\n" for _ in range(40)) + b"--x--\r\n"

    async def ask():
        client = Client(app, form, kind=b"multipart/form-data; boundary=x")
        await begun(head)
        client.leave()
        await asyncio.wait_for(client.task, 20)
        head.go.set()
        other = await Client(app, DARK).answer()
        return client.messages, other[0]

    assert asyncio.run(ask()) == ([], 200)
    # What had begun, and the other's.
    assert len(rows) == 2
    assert rows[1] == 1
