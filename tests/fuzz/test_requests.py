"""Requests made by hand and by chance: each gets an answer in the common form, and the server goes on."""

import asyncio
import base64
import copy
import gzip
import itertools
import json
import struct
import zlib

import numpy as np
import pytest

import featx
from tests.support.fuzzing import HANG, OK, REFUSED, UNCAUGHT, Tally, altered_trees, mutated
from tests.support.live import serving
from tests.support.serving import DARK, LIGHT, PICTURES, to_base64

JSON = "application/json"
TENSOR = {"name": "image", "shape": [2], "datatype": "BYTES", "data": [to_base64(DARK)] * 2}
PIXELS = {"name": "x", "shape": [1, 2, 2, 3], "datatype": "UINT8", "data": list(range(12))}
BODIES = {
    "/v1/predict": [
        {
            "samples": [{"id": "a", "data": to_base64(DARK)}, {"text": "b"}],
            "model": "shade",
            "top_k": 2,
        },
        {"samples": [{"text": "good day"}], "model": ["mood"], "top_k": 1},
        {"text": "good day", "model": "mood"},
    ],
    "/v1/embeddings": [
        {"model": "mood", "input": ["good", "bad"], "encoding_format": "float", "dimensions": 1024},
        {"model": "shade", "input": to_base64(DARK), "encoding_format": "base64", "user": "x"},
    ],
    "/v2/models/shade/infer": [
        {"id": "1", "parameters": {"a": 1}, "inputs": [TENSOR], "outputs": [{"name": "label"}]},
        {"inputs": [PIXELS], "outputs": [{"name": "label", "parameters": {"binary_data": True}}]},
    ],
    "/v2/models/mood/infer": [
        {"inputs": [{**TENSOR, "data": ["good", "bad"], "parameters": {"content_type": "str"}}]},
    ],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of a classifier of pictures and one of texts, with little time for slow clients."""
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("served")
    shade = featx.fit(featx.make_samples(PICTURES, ["dark", "light"] * 6))
    texts = [f"{word} {k}" for word in ("good", "bad") for k in range(6)]
    mood = featx.fit(texts, ["good"] * 6 + ["bad"] * 6, backbone="featx-text-nano")
    paths = {
        "shade": featx.save(shade, folder / "shade.featx"),
        "mood": featx.save(mood, folder / "mood.featx"),
    }
    limits = {"queue": 200, "head_timeout": 0.5, "stall_timeout": 0.5, "max_body": 1 << 22}
    with serving(paths, limits=limits) as server:
        yield server


def request(path, body=b"", kind=JSON, method="POST", **headers):
    """Return a whole request in bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogatepass") + body


def judge(answer):
    """Return the outcome of one answer: all that came until the connection was closed."""
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        status = int(head.split()[1])
    except (IndexError, ValueError):
        return UNCAUGHT, f"no answer but {answer[:100]!r}"
    if status == 100:
        return judge(body)
    if 200 <= status < 300:
        return OK, ""
    if not 400 <= status < 500:
        return (HANG if status == 504 else UNCAUGHT), answer[:500].decode("latin-1")
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        # The answer to a HEAD has no body, and one that a second request follows has more than one.
        fine = not body or b"HTTP/1.1 " in body
        return (REFUSED if fine else UNCAUGHT), answer[:500].decode("latin-1")
    message = error if isinstance(error, str) else error["message"]
    fine = bool(message.strip()) and "\n" not in message and len(message) < 1100
    return (REFUSED if fine else UNCAUGHT), message[:300]


async def ask(address, data, seconds=20):
    """Return the outcome of one request on a connection of its own."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(*address)
            answer = b""
            try:
                writer.write(data)
                while piece := await reader.read(1 << 16):
                    answer += piece
            except ConnectionError as error:
                # What was answered before the connection was reset counts.
                answer = answer or str(error).encode()
            finally:
                writer.close()
    except TimeoutError:
        return HANG, f"no end within {seconds} s"
    return judge(answer)


def attack(server, requests):
    """Send requests, some at a time, and ask for health after each bundle of them."""
    tally = Tally()

    async def send_all():
        rest = enumerate(requests)
        gone = False
        while not gone:
            bundle = list(itertools.islice(rest, 48))
            gone = not bundle
            outcomes = await asyncio.gather(*(ask(server.address, data) for _, data in bundle))
            for (number, data), (outcome, said) in zip(bundle, outcomes, strict=True):
                tally.counts[outcome] += 1
                if outcome not in (OK, REFUSED):
                    tally.faults.append((number, outcome, f"{said} <- {data[:300]!r}"))
            healthy = await ask(server.address, request("/healthz", method="GET"))
            assert healthy == (OK, ""), (healthy, bundle)

    asyncio.run(send_all())
    assert not tally.faults, str(tally)
    return tally


def dump(tree):
    """Return JSON of any tree: what JSON cannot hold is written as Python's encoder writes it."""
    try:
        return json.dumps(tree).encode()
    except (TypeError, ValueError):
        return repr(tree).encode("utf-8", "surrogatepass")


def altered_bodies(seed, count):
    """Yield requests whose trees hold other values, keys and lists than they should."""
    templates = [(path, tree) for path, trees in BODIES.items() for tree in trees]
    for k, (path, tree) in enumerate(templates):
        for changed in altered_trees(tree, seed + k, count // len(templates)):
            yield request(path, dump(changed))


def damaged_bodies(seed, count):
    """Yield requests whose bodies are damaged bytes: JSON, forms, compressed bodies, binary tensors, files."""
    form = (
        b"--edge\r\nContent-Disposition: form-data; name=model\r\n\r\nshade\r\n"
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + DARK + b"\r\n--edge\r\n"
        b'Content-Disposition: form-data; name="file"; filename="b"\r\n\r\n'
        + LIGHT
        + b"\r\n--edge--\r\n"
    )
    plain = json.dumps(BODIES["/v1/predict"][0]).encode()
    head = {"inputs": [{"name": "x", "shape": [2], "datatype": "BYTES"}]}
    head["inputs"][0]["parameters"] = {"binary_data_size": 8 + len(DARK) + len(LIGHT)}
    head = json.dumps(head).encode()
    data = b"".join(struct.pack("<I", len(each)) + each for each in (DARK, LIGHT))
    length = {"Inference_Header_Content_Length": len(head)}
    kinds = [
        ("/v1/predict", form, "multipart/form-data; boundary=edge", {}),
        ("/v1/predict", plain, JSON, {}),
        ("/v1/predict", gzip.compress(plain), JSON, {"Content_Encoding": "gzip"}),
        ("/v1/predict", zlib.compress(plain), JSON, {"Content_Encoding": "deflate"}),
        ("/v1/predict?model=shade", DARK, "image/png", {}),
        ("/v1/predict?model=mood", "good dáy".encode(), "text/plain", {}),
        ("/v2/models/shade/infer", head + data, "application/octet-stream", length),
        (
            "/v2/models/shade/infer",
            json.dumps(BODIES["/v2/models/shade/infer"][1]).encode(),
            JSON,
            {},
        ),
    ]
    for k, (path, body, kind, headers) in enumerate(kinds):
        for changed in mutated(body, seed + k, count // len(kinds)):
            yield request(path, changed, kind, **headers)


def damaged_heads(seed, count):
    """Yield requests that are damaged anywhere, their heads above all; many never come to an end."""
    whole = [
        request("/v1/predict?model=shade&top_k=2", DARK, "image/png", X_Request_ID="a"),
        request("/v2/models/shade/infer", dump(BODIES["/v2/models/shade/infer"][0])),
        request("/v1/models", method="GET", Accept="*/*", Cookie="a=b"),
        b"POST /v1/predict?model=shade HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        + b"%x\r\n" % len(DARK)
        + DARK
        + b"\r\n0\r\nTrailer: x\r\n\r\n",
    ]
    for k, data in enumerate(whole):
        yield from mutated(data, seed + k, count // len(whole))


def made_by_hand():
    """Yield requests that contradict themselves or ask for much."""
    big = "9" * 4000
    infer = "/v2/models/shade/infer"

    def tensor(**change):
        body = {"inputs": [{**PIXELS, **change}]}
        return request(infer, dump(body))

    for shape in (
        [-1, -1, -1, 3], [0, 0, 0, 0], [int(big)] * 4, [int(big)] * 9000, [1] * 100, [2**63, 2, 2, 3],
        [1, 12, 1, 1], [1, 1, 4, 3], [12], [64, 10**9], [-3, -4], [1.0, 2.0, 2, 3], ["1", "2", "2", "3"],
    ):  # fmt: skip
        yield tensor(shape=shape)
        yield tensor(shape=shape, datatype="BYTES", data=["x"] * 12)
        sized = {"binary_data_size": 0}
        yield tensor(shape=shape, datatype="BYTES", data=None, parameters=sized)
    for data in (
        [True] * 12, [1e400] * 12, [-1] * 12, [256] * 12, [None] * 12, [[]], [[[[[[[[[[1]]]]]]]]]], [{}] * 12,
        "text", {}, 7, [1] * 60_000, [[1, 2], [3]] * 4, [0.5] * 12, [int(big)] * 12, [[1] * 6, [2] * 6],
    ):  # fmt: skip
        yield tensor(data=data)
        yield tensor(data=data, datatype="BYTES")
    for value in ([], {}, None, 7, big, ["a"], True):
        yield tensor(parameters={"content_type": value})
        yield tensor(parameters={"binary_data_size": value})
        yield tensor(datatype=value)
        yield tensor(name=value)
        yield request(infer, dump({"id": value, "inputs": [PIXELS], "outputs": value}))
        yield request("/v1/predict", dump({"samples": value, "model": value, "top_k": value}))
        yield request("/v1/embeddings", dump({"model": value, "input": value, "dimensions": value}))
    yield request(infer, b'{"inputs":' + b"[" * 900 + b"]" * 900 + b"}")
    yield request(infer, b'{"inputs":[{"data":' + b"[" * 900 + b"]" * 900 + b"}]}")
    yield request(infer, dump({"id": "x" * 100_000, "inputs": [PIXELS]}))
    yield request("/v1/predict", dump({"samples": [{"text": "a" * 1_100_000}], "model": "mood"}))
    yield request("/v1/predict", dump({"samples": [{"text": "a b " * 240_000}], "model": "mood"}))
    yield request(
        "/v1/predict", dump({"samples": [{"id": "x" * 900_000, "text": "a"}], "model": "mood"})
    )
    yield request("/v1/predict", dump({"samples": [7] * 40_000}))
    yield request("/v1/predict", dump({"samples": [{"text": "a"}] * 65, "model": "mood"}))
    yield request("/v1/predict", dump({"text": "a", "model": ["mood"] * 20_000}))
    yield request("/v1/embeddings", dump({"model": "mood", "input": [["a"]] * 20_000}))
    yield request("/v1/embeddings", dump({"model": "mood", "input": "a", "x": [{}] * 200_000}))
    for path in ("/v1/predict", "/v1/embeddings", infer):
        for body in (
            b"",
            b"null",
            b"7",
            b"[]",
            b'"a"',
            b"\xff",
            b"NaN",
            b'{"a":1}{',
            b"\xef\xbb\xbf{}",
        ):
            for kind in (
                JSON,
                "text/plain",
                "multipart/form-data",
                "application/octet-stream",
                "",
                "a/b;;=",
            ):
                yield request(path, body, kind)
    bomb = gzip.compress(bytes(8 << 20))
    for encoding in (
        "gzip",
        "deflate",
        "x-gzip",
        "br",
        "gzip, gzip",
        "",
        "identity",
        "é",
        "gzip" * 2000,
    ):
        yield request("/v1/predict", bomb, JSON, Content_Encoding=encoding)


def forms():
    """Yield forms that are none, or too much of one."""
    disposition = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"'
    part = disposition + b"\r\n\r\n" + DARK + b"\r\n"
    for kind in (
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x; charset=zip",
        "multipart/form-data; boundary=x; charset=utf-7", f"multipart/form-data; boundary={'x' * 5000}",
        "multipart/form-data; boundary=é", 'multipart/form-data; boundary="x',
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=x; charset=idna", "multipart/form-data; boundary*=x; charset=base64",
    ):  # fmt: skip
        for body in (
            b"", b"--x--\r\n", b"--x", part, part + b"--x--\r\n", part * 70 + b"--x--", b"\r\n--" * 100_000,
            disposition + b"; a=b" * 20_000 + b"\r\n\r\nc\r\n--x--\r\n", b"--x\r\n" + b"a:" + b"b" * 900_000,
            b"--x\r\n" + b"a: b\r\n" * 50_000 + b"\r\n--x--\r\n", b"--x\r\n\r\na\r\n--x--\r\n",
            b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n", disposition * 3 + b"\r\n\r\na--x--",
            disposition.replace(b"file", b"\xff\0") + b"\r\nContent-Type: \xff\r\n\r\na\r\n--x--\r\n",
            b"--x\r\nContent-Disposition: form-data; name=text\r\n\r\n" + b"\xff" * 1000 + b"\r\n--x--\r\n",
            b"--x\r\nContent-Disposition: form-data; name=top_k\r\n\r\n" + b"9" * 9000 + b"\r\n--x--\r\n",
        ):  # fmt: skip
            yield request("/v1/predict?model=shade", body, kind)


def heads():
    """Yield heads that contradict themselves, and paths and queries of all kinds."""
    host = "Host: localhost\r\nConnection: close\r\n"
    for path in (
        "*", "//", "/..", "/%", "/%00", "/%ff", "/\xff", "/v2/models/%2e%2e/infer", "/v2/models/" + "x" * 9000,
        "/v2/models/" + "%F0%9F" * 900, "http://evil.example/", "http://", "?", "/?" + "a=b&" * 7000, "/#", "",
        "/v1/predict?model=" + "x" * 9000, "/v1/predict?top_k=" + "9" * 9000, "/v1/predict?model[]=\ud83d",
        "/v1/predict?" + "model=shade&" * 2000, "/v1/predict?top_k=-1", "/v1/predict?top_k=1e9", "localhost:80",
    ):  # fmt: skip
        for method in (
            "GET",
            "HEAD",
            "POST",
            "OPTIONS",
            "CONNECT",
            "DELETE",
            "TRACE",
            "get",
            "X" * 3000,
            "PRI",
        ):
            yield f"{method} {path} HTTP/1.1\r\n{host}\r\n".encode("utf-8", "surrogatepass")
    for line in (
        "Content-Length: -1", "Content-Length: 9" + "9" * 30, "Content-Length: 1, 1",
        "Content-Length: 0x10",
        "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, gzip",
        "Expect: 100-continue\r\nContent-Length: 9",
        "Upgrade: websocket\r\nConnection: Upgrade", "Upgrade: h2c\r\nHTTP2-Settings: AA", ": empty",
        "no colon",
        " folded: x", "Host: evil.example", "Host:", "X-Request-ID: \x00", "Authorization: Bearer \xff",
        "Inference-Header-Content-Length: 99", "X-Sample-Id: " + "\xff" * 900, "Origin: \xff", "Origin: http://[",
        "Sec-Fetch-Site: cross-site", "Content-Type: \xff; charset=\xff", "Content-Length: " + "9" * 20_000,
        "X-Forwarded-For: " + "1.1.1.1," * 3000, "Range: bytes=0-", "If-None-Match: *", "TE: trailers",
    ):  # fmt: skip
        for method, path in (
            ("POST", "/v1/predict"),
            ("POST", "/v2/models/shade/infer"),
            ("GET", "/healthz"),
        ):
            yield f"{method} {path} HTTP/1.1\r\n{host}{line}\r\n\r\nhello".encode("latin-1")
    for version in ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1 x", "", "HTTP/99999999999.1"):
        yield f"GET /v1/models {version}\r\n{host}\r\n".encode()
    chunked = f"POST /v1/predict HTTP/1.1\r\n{host}Content-Type: image/png\r\n"
    chunked += "Transfer-Encoding: chunked\r\n\r\n"
    for chunk in (
        "0\r\n\r\n",
        "-1\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "5\r\nabc",
        "g\r\n",
        "1\r\nab\r\n",
        "\r\n" * 99,
    ):
        yield (chunked + chunk).encode()
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(99)
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    yield bytes(100_000)
    yield b"\r\n" * 100_000
    yield request("/healthz", method="GET") * 200


@pytest.mark.slow
def test_requests_made_by_hand_are_answered(server):
    assert attack(server, made_by_hand()).total > 300


def test_damaged_bodies_are_answered(server):
    assert attack(server, altered_bodies(1, 160)).total == 160
    assert attack(server, damaged_bodies(1, 160)).total == 160


@pytest.mark.slow
def test_forms_and_heads_made_by_hand_are_answered(server):
    assert attack(server, forms()).total > 150
    assert attack(server, heads()).total > 300


@pytest.mark.slow
def test_many_altered_and_damaged_requests_are_answered(server):
    assert attack(server, altered_bodies(2, 300)).total > 250
    assert attack(server, damaged_bodies(2, 300)).total > 250
    assert attack(server, damaged_heads(2, 150)).total > 100


def test_a_request_that_is_whole_is_answered_with_what_it_asks_for(server):
    """The requests from which the others are made are good ones."""
    templates = [(path, copy.deepcopy(tree)) for path, trees in BODIES.items() for tree in trees]
    outcomes = [
        asyncio.run(ask(server.address, request(path, dump(tree)))) for path, tree in templates
    ]
    assert outcomes == [(OK, "")] * len(templates)
    [dark] = np.frombuffer(base64.b64decode(to_base64(DARK))[:1], np.uint8)
    assert dark == DARK[0]
