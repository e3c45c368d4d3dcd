"""Objects of S3, on a server of this machine: with the version that was listed, or not at all."""

import errno
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from featx import read_samples
from featx.errors import BadSource, FeatxWarning, OutputFailed
from featx.sources import read_bytes
from featx.storage.address import blob_at, to_path
from featx.storage.remote_store import store_of
from tests.support.commands import start
from tests.support.object_stores import moto_serving, s3_at
from tests.support.remote_server import Objects, serving

CONTENT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def moto():
    with moto_serving() as url:
        yield url


@pytest.fixture
def bucket(moto, monkeypatch):
    """An empty bucket, and fsspec's own view of it."""
    with s3_at(moto, monkeypatch) as system:
        system.mkdir("bucket")
        yield system
        system.rm("bucket", recursive=True)


@pytest.fixture
def faulty(monkeypatch):
    """A server with faults that answers for objects as S3 does; it lists nothing."""
    pytest.importorskip("s3fs", reason="needs s3fs")
    with (
        serving(Objects().add({"bucket/a.jpg": CONTENT})) as objects,
        s3_at(objects.url, monkeypatch),
    ):
        yield objects


@pytest.mark.slow
def test_a_folder_of_a_bucket_gives_labelled_objects(bucket):
    for name in ("f/cat/1 ä?#%20.jpg", "f/dog/2.jpg", "fg/dog/3.jpg", "f/"):
        bucket.pipe_file(f"bucket/{name}", name.encode() if not name.endswith("/") else b"")
    samples = read_samples("s3://bucket/f")
    assert [(s.id, s.label) for s in samples] == [("cat/1 ä?#%20.jpg", "cat"), ("dog/2.jpg", "dog")]
    assert read_bytes(samples[0].data) == "f/cat/1 ä?#%20.jpg".encode()


def test_a_large_object_is_read_by_parts_of_one_version(bucket):
    data = os.urandom(9 << 20)
    bucket.pipe_file("bucket/big.bin", data)
    path = to_path("s3://bucket/big.bin").pinned()
    assert blob_at(path).read() == data
    bucket.pipe_file("bucket/other.bin", data)
    again = to_path("s3://bucket/other.bin").pinned()
    bucket.pipe_file("bucket/other.bin", data[::-1])
    with pytest.raises(OSError, match="changed") as caught:
        again.read()
    assert caught.value.errno == errno.ESTALE


def test_an_object_that_changes_after_it_was_listed_is_a_reject(bucket):
    bucket.pipe_file("bucket/f/1.jpg", b"one")
    [sample] = read_samples("s3://bucket/f")
    bucket.pipe_file("bucket/f/1.jpg", b"two")
    with pytest.raises(ValueError, match="changed since it was listed"):
        read_bytes(sample.data)


def test_what_is_missing_or_empty_is_said(bucket):
    bucket.pipe_file("bucket/empty.jpg", b"")
    assert blob_at(to_path("s3://bucket/empty.jpg")).read() == b""
    for uri in ("s3://bucket/none.jpg", "s3://nobucket/none.jpg"):
        with pytest.raises(FileNotFoundError):
            blob_at(to_path(uri)).read()


def test_an_object_is_written_whole_and_removed(bucket, tmp_path):
    (tmp_path / "x").write_bytes(b"new")
    path = to_path("s3://bucket/out/x.bin")
    path.put(tmp_path / "x")
    assert (path.read(), path.exists(), path.is_dir(), path.parent.is_dir()) == (
        b"new",
        True,
        False,
        True,
    )
    path.unlink()
    assert not path.exists()


def test_without_credentials_that_is_said_and_none_are_shown(bucket, monkeypatch):
    from featx.storage.writable import check_writable

    store_of.cache_clear()
    type(bucket).clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(OutputFailed) as caught:
        check_writable("s3://bucket/x.parquet")
    assert "no credentials were found" in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_a_busy_store_and_a_cut_connection_are_tried_again(faulty):
    faulty.refusals["/bucket/a.jpg"] = (503, 2)
    assert blob_at(to_path("s3://bucket/a.jpg")).read() == CONTENT
    faulty.cuts["/bucket/a.jpg"] = 1
    assert blob_at(to_path("s3://bucket/a.jpg")).read() == CONTENT


def test_an_object_is_read_by_one_signed_request_of_our_own(faulty):
    assert blob_at(to_path("s3://bucket/a.jpg")).read() == CONTENT
    headers = faulty.headers["/bucket/a.jpg"]
    assert (faulty.asked["/bucket/a.jpg"], headers["User-Agent"]) == (1, "featx")
    signed = headers["Authorization"]
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=key/")
    assert "/us-east-1/s3/aws4_request" in signed
    assert "secret-word" not in str(headers)


def test_where_and_who_is_asked_once_for_all_threads(faulty, monkeypatch):
    """The library makes a client for it, which takes as long as many readings."""
    from aiobotocore.signers import AioRequestSigner

    signed = []
    ask = AioRequestSigner.generate_presigned_url

    def counted(*args, **options):
        signed.append(args)
        return ask(*args, **options)

    monkeypatch.setattr(AioRequestSigner, "generate_presigned_url", counted)
    # As whoever lists a folder does, before any object is read.
    store_of("s3")
    faulty.latency = 0.05
    with ThreadPoolExecutor(16) as pool:
        contents = set(pool.map(lambda _: to_path("s3://bucket/a.jpg").read(), range(32)))
    assert contents == {CONTENT}
    assert len(signed) == 1
    assert faulty.headers["/bucket/a.jpg"]["User-Agent"] == "featx"


@pytest.mark.parametrize("token", [None, "a-token/+="])
def test_a_request_of_our_own_has_the_signature_that_the_library_gives(faulty, monkeypatch, token):
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    key = "ä +~!'()*&=@:,;$%41#?.jpg"
    faulty.add({f"bucket/{key}": CONTENT})
    assert blob_at(to_path(f"s3://bucket/{key}")).read() == CONTENT
    sent = faulty.headers[f"/bucket/{key}"]
    assert sent["User-Agent"] == "featx"
    request = AWSRequest("GET", f"{faulty.url}/bucket/{quote(key, safe='~')}")
    for name in (
        "x-amz-date",
        "x-amz-content-sha256",
        *(["x-amz-security-token"] if token else []),
    ):
        request.headers[name] = sent[name]
    request.context["timestamp"] = sent["x-amz-date"]
    signer = S3SigV4Auth(Credentials("key", "secret-word", token), "s3", "us-east-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert sent["Authorization"].endswith(f", Signature={signer.signature(text, request)}")
    assert sent.get("x-amz-security-token") == token


def test_what_a_request_of_our_own_cannot_do_is_left_to_the_library(faulty):
    """Buckets of another region lead to another host, which only the library may go to."""
    faulty.add({"bucket/there.jpg": CONTENT[::-1]})
    elsewhere = faulty.url.replace("127.0.0.1", "localhost")
    faulty.redirects["/bucket/a.jpg"] = f"{elsewhere}/bucket/there.jpg"
    assert blob_at(to_path("s3://bucket/a.jpg")).read() == CONTENT[::-1]
    assert "boto" in faulty.headers["/bucket/there.jpg"]["User-Agent"].lower()


@pytest.mark.parametrize(("status", "kind"), [(403, PermissionError), (404, FileNotFoundError)])
def test_a_store_that_denies_access_is_asked_once(faulty, status, kind):
    faulty.refusals["/bucket/a.jpg"] = (status, 99)
    with pytest.raises(kind):
        blob_at(to_path("s3://bucket/a.jpg")).read()
    assert faulty.asked["/bucket/a.jpg"] == 1


def test_a_store_that_lies_of_a_size_gives_no_bytes(faulty):
    faulty.lies["/bucket/a.jpg"] = {"Content-Range": "bytes 0-10239/99999"}
    with pytest.raises(OSError, match=r"another part"):
        blob_at(to_path("s3://bucket/a.jpg")).read()


def listing(entries, more):
    items = "".join(
        f"<Contents><Key>{key}</Key><Size>7</Size><ETag>x</ETag></Contents>" for key in entries
    )
    return (
        f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{items}"
        "<NextContinuationToken>again</NextContinuationToken></ListBucketResult>"
    ).encode()


def test_a_listing_without_an_end_is_refused(faulty):
    faulty.content["/bucket"] = listing(["f/a.jpg"], more=True)
    with pytest.raises(BadSource, match="no end"):
        read_samples("s3://bucket/f/", modality="image")
    assert faulty.asked["/bucket"] < 10


def test_keys_that_lead_elsewhere_are_left_out(faulty):
    keys = ["f/a.jpg", "f/../../etc/x.jpg", "/etc/x.jpg", "g/x.jpg", "f//x.jpg", "f/./x.jpg"]
    long = f"{'l' * 1000}.jpg"
    keys += [f"f/{long}", "f/%2e%2e%2fx.jpg"]
    faulty.content["/bucket"] = listing(keys, more=False)
    with pytest.warns(FeatxWarning, match="3 oddly named objects"):
        samples = read_samples("s3://bucket/f/", modality="image")
    assert [sample.id for sample in samples] == ["%2e%2e%2fx.jpg", "a.jpg", long]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_shards_in_a_bucket_continue_after_a_kill_with_the_same_bytes(bucket, tmp_path):
    pytest.importorskip("pyarrow")
    table = tmp_path / "texts.csv"
    table.write_text("text\n" + "".join(f"text {n}\n" for n in range(400)), encoding="utf-8")

    def extract(place):
        words = ("extract", table, "-o", place, "--shards", 8, "--jobs", 1, "--no-cache")
        return start(*words, folder=tmp_path)

    killed = extract("s3://bucket/rows")
    while killed.poll() is None and len(bucket.glob("bucket/rows/_part-*")) < 2:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    for place in ("s3://bucket/rows", tmp_path / "rows"):
        process = extract(place)
        said = process.communicate()
        assert process.returncode == 0, said
    local = {path.name: path.read_bytes() for path in (tmp_path / "rows").iterdir()}
    remote = {path.rpartition("/")[2]: bucket.cat_file(path) for path in bucket.find("bucket/rows")}
    assert remote == local
    assert len(local) == 17
