"""Objects on a server whose certificate was made here: not trusted by itself, and read where it is."""

import shutil
import subprocess

import pytest

import featx
from featx.errors import BadSample, BadSource
from featx.sources import read_bytes
from featx.storage.address import blob_at, to_path
from tests.support.commands import run
from tests.support.object_stores import s3_at
from tests.support.remote_server import Objects, serving

CONTENT = bytes(range(256)) * 400

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="needs the command openssl, to make a certificate"
)


def make_certificate(folder, name="127.0.0.1"):
    """Return a file with a certificate for a host, signed by itself, and its key."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{name}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    certificate.write_bytes(key.read_bytes() + certificate.read_bytes())
    return certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificate, monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    files = {"f/dark/a.bin": CONTENT, "f/light/b.bin": CONTENT[::-1], "big.bin": CONTENT * 90}
    with serving(Objects().add(files), certificate) as objects:
        yield objects


def test_a_certificate_that_is_not_trusted_is_told_with_what_to_do(server, tmp_path):
    said = "is not trusted: self.signed certificate; .* SSL_CERT_FILE$"
    with pytest.raises(BadSample, match=said):
        read_bytes(to_path(f"{server.url}/f/dark/a.bin"))
    with pytest.raises(BadSource, match=said):
        featx.read_samples(f"{server.url}/f/", modality="image")
    done = run("extract", f"{server.url}/f/", "-o", tmp_path / "rows.npz")
    assert done.exit_code == 1
    assert "SSL_CERT_FILE" in done.stderr
    # It was told at once, and nothing was asked for.
    assert not server.asked


def test_objects_are_read_once_the_certificate_is_trusted(server, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert blob_at(to_path(f"{server.url}/big.bin")).read() == CONTENT * 90
    below = to_path(f"{server.url}/f/").walk()
    assert {read_bytes(path) for path in below} == {CONTENT, CONTENT[::-1]}
    server.cuts["/f/dark/a.bin"] = 1
    server.refusals["/f/light/b.bin"] = (503, 1)
    assert read_bytes(to_path(f"{server.url}/f/dark/a.bin")) == CONTENT
    assert read_bytes(to_path(f"{server.url}/f/light/b.bin")) == CONTENT[::-1]


def test_a_certificate_of_another_host_is_not_trusted(tmp_path, monkeypatch):
    other = make_certificate(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with (
        serving(Objects().add({"a.bin": CONTENT}), other) as server,
        pytest.raises(BadSample, match=r"IP address mismatch.*127\.0\.0\.1"),
    ):
        read_bytes(to_path(f"{server.url}/a.bin"))


@pytest.mark.slow
def test_a_store_whose_certificate_is_not_trusted_is_told_likewise(server, monkeypatch):
    pytest.importorskip("s3fs", reason="needs s3fs")
    with (
        s3_at(server.url, monkeypatch),
        pytest.raises(BadSample, match=r"not trusted: .*AWS_CA_BUNDLE"),
    ):
        read_bytes(to_path("s3://f/dark/a.bin"))


def test_a_store_is_read_once_the_certificate_is_named(server, certificate, monkeypatch):
    pytest.importorskip("s3fs", reason="needs s3fs")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with s3_at(server.url, monkeypatch):
        assert read_bytes(to_path("s3://f/dark/a.bin")) == CONTENT
