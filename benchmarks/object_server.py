"""A server of objects in one process without threads, which costs little beside those that it serves.

    python benchmarks/object_server.py FOLDER 0.05 [CERTIFICATE]

It has the files of a folder in memory, waits so many seconds before each answer, and prints its address. It
serves each file under its path, in parts as well; folders as pages of links; and the same objects as S3 does,
in a bucket named ``bucket``: list_objects_v2, get_object and head_object, without signatures. With a
certificate, and its key in the same file, it speaks TLS.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
import sys
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_PAGE = 1000


class Objects:
    """The objects by their keys, each with its entity tag."""

    def __init__(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        self.content = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        self.tags = {key: hashlib.md5(data).hexdigest() for key, data in self.content.items()}

    def answer(self, method: str, target: str, headers: dict[str, str]) -> list[bytes]:
        """Return the pieces of an answer to a request."""
        url = urlsplit(target)
        key, asked = unquote(url.path).lstrip("/"), parse_qs(url.query)
        if key.rstrip("/") == "bucket" and "list-type" in asked:
            return _answer(200, self._listing({name: texts[0] for name, texts in asked.items()}))
        own = key.removeprefix("bucket/")
        if own.endswith("/") or not own:
            return _answer(200, self._links(own), {"Content-Type": "text/html"})
        data = self.content.get(own)
        if data is None:
            return _answer(404, b"")
        tag = f'"{self.tags[own]}"'
        if headers.get("if-match", tag) != tag:
            return _answer(412, b"")
        said = {"ETag": tag, "Accept-Ranges": "bytes"}
        if method == "HEAD":
            return _answer(200, b"", said | {"Content-Length": str(len(data))})
        part = _RANGE.fullmatch(headers.get("range", ""))
        if part is None:
            return _answer(200, data, said)
        first, last = int(part[1]), min(int(part[2] or len(data)), len(data) - 1)
        said["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        return _answer(206, memoryview(data)[first : last + 1], said)

    def _links(self, folder: str) -> bytes:
        below = (key[len(folder) :] for key in self.content if key.startswith(folder))
        names = dict.fromkeys(name + slash for name, slash, _ in (k.partition("/") for k in below))
        return "".join(f'<a href="{quote(name)}">x</a>\n' for name in names).encode()

    def _listing(self, asked: dict[str, str]) -> bytes:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        keys = [key for key in self.content if key.startswith(prefix)]
        folders: dict[str, None] = {}
        if delimiter:
            rests = [key[len(prefix) :].partition(delimiter) for key in keys]
            folders = dict.fromkeys(prefix + name + slash for name, slash, _ in rests if slash)
            keys = [key for key, rest in zip(keys, rests, strict=True) if not rest[1]]
        start = int(asked.get("continuation-token", 0))
        some = keys[start : start + _PAGE]
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.content[key])}</Size>"
            f"<ETag>&quot;{self.tags[key]}&quot;</ETag></Contents>"
            for key in some
        )
        if start + _PAGE < len(keys):
            rows += f"<IsTruncated>true</IsTruncated><NextContinuationToken>{start + _PAGE}"
            rows += "</NextContinuationToken>"
        rows += "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders
        )
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        return f'<ListBucketResult xmlns="{space}">{rows}</ListBucketResult>'.encode()


def _answer(
    status: int, body: bytes | memoryview, headers: dict[str, str] | None = None
) -> list[bytes]:
    said = {"Content-Length": str(len(body))} | (headers or {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return [f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode(), body]


class Connection(asyncio.Protocol):
    """A connection, which is kept open; its requests, which have no bodies, are answered in their order."""

    def __init__(self, objects: Objects, latency: float) -> None:
        self.objects, self.latency, self.waiting = objects, latency, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while b"\r\n\r\n" in self.waiting:
            head, _, self.waiting = self.waiting.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(self.latency, self.reply, head.decode("latin-1"))

    def reply(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.transport.writelines(self.objects.answer(method, target, headers))


async def serve(folder: Path, latency: float, certificate: str | None = None) -> None:
    objects, loop = Objects(folder), asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if context:
        context.load_cert_chain(certificate)
    server = await loop.create_server(
        lambda: Connection(objects, latency), "127.0.0.1", 0, backlog=512, ssl=context
    )
    scheme = "https" if context else "http"
    print(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]))
