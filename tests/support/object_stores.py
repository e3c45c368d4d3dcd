"""S3 on this machine: moto's server, and what tells s3fs, featx and their processes where it is."""

from contextlib import contextmanager

import pytest

from featx.storage.remote_store import store_of


@contextmanager
def moto_serving():
    """Give the address of a server that holds buckets in memory; skip where moto or s3fs is absent."""
    moto = pytest.importorskip(
        "moto.server", reason="needs moto[server]: pip install 'moto[server]' s3fs"
    )
    pytest.importorskip("s3fs", reason="needs s3fs")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def s3_at(url, monkeypatch):
    """Let a server of this machine be S3; give fsspec's own view of it."""
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret-word",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import s3fs

    store_of.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        yield s3fs.S3FileSystem(use_listings_cache=False)
    finally:
        store_of.cache_clear()
        s3fs.S3FileSystem.clear_instance_cache()
