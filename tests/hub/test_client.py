"""A hub is asked politely, believed in nothing, and told no secrets of others."""

import os
from dataclasses import replace
from urllib.request import Request

import pytest

from featx.catalog.transfer import Redirects, Tries
from featx.errors import (
    BadOption,
    DownloadFailed,
    FeatxWarning,
)
from featx.hub.client import Hub
from featx.storage.dirs import cache_dir
from tests.support.hub_server import (
    COMMIT,
    TAKEN,
    FakeHub,
    names_in,
    serving_endless,
    serving_store,
)


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [
        (None, 401, "set HF_TOKEN to one that may read it"),
        ("hf_wrong", 403, "accept its conditions at .* with the account that HF_TOKEN is of"),
    ],
)
def test_a_gated_repository_is_said_to_be_one(pull, fake, hub, token, status, words):
    fake.token = "hf_right"
    with pytest.raises(DownloadFailed, match=f"answered {status}.*{words}") as refusal:
        pull(hub=replace(hub, token=token))
    assert "hf_" not in str(refusal.value)
    pulled, _ = pull(hub=replace(hub, token="hf_right"))
    assert names_in(pulled.folder) == TAKEN


def test_a_file_that_is_gated_though_its_list_is_not_is_said_to_be_so(pull, fake):
    fake.status["onnx/model.onnx"] = 401
    with pytest.raises(
        DownloadFailed, match=r"onnx/model\.onnx: the server answered 401.*HF_TOKEN"
    ):
        pull()


def test_a_repository_or_file_that_is_not_there_is_said_to_be_missing(pull, fake):
    with pytest.raises(DownloadFailed, match=r"answered 404 .*; see what there is at"):
        pull("hf:someone/else")
    with pytest.raises(DownloadFailed, match="answered 404"):
        pull("hf:someone/model@no-such-branch")
    fake.status["config.json"] = 404
    with pytest.raises(DownloadFailed, match=r"config\.json: the server answered 404"):
        pull()


def test_a_repository_that_was_renamed_is_pulled_under_its_new_name(pull, fake):
    fake.renamed_from = ("old/name",)
    with pytest.warns(FeatxWarning, match="is called someone/model now"):
        pulled, _ = pull("hf:old/name")
    assert pulled.address.repository == "someone/model"
    assert names_in(pulled.folder) == TAKEN


def test_a_renamed_repository_that_is_gated_still_gets_the_token(pull, fake, hub):
    fake.renamed_from, fake.token = ("old/name",), "hf_right"
    with pytest.warns(FeatxWarning, match="is called"):
        pulled, _ = pull("hf:old/name", hub=replace(hub, token="hf_right"))
    assert names_in(pulled.folder) == TAKEN


def test_a_token_is_sent_to_no_other_host(pull, fake, hub):
    fake.token = "hf_right"
    with serving_store(fake) as seen:
        pulled, lines = pull(hub=replace(hub, token="hf_right"))
    assert seen == [None, None]
    assert names_in(pulled.folder) == TAKEN
    assert {token for _, token in fake.tokens} == {"Bearer hf_right"}
    assert "hf_right" not in repr(hub) + repr(pulled) + str(lines)


def test_a_server_that_fails_for_a_moment_is_asked_again(pull, fake):
    fake.status["api"] = 503
    with pytest.raises(DownloadFailed, match="answered 503"):
        pull()
    assert len(fake.asked) == 3


def test_a_server_that_says_nothing_is_given_up(pull, fake, hub):
    fake.wait = 1.0
    with pytest.raises(DownloadFailed, match="timed out"):
        pull(hub=replace(hub, tries=Tries(timeout=0.05, tries=2, pause=0.01)))
    fake.wait = 0


def test_an_answer_that_trickles_is_given_up(pull, fake, hub):
    fake.trickle = True
    with pytest.raises(DownloadFailed, match=r"takes more than 0\.2 seconds"):
        pull(hub=replace(hub, tries=Tries(timeout=0.2, tries=1, pause=0.01)))


def test_an_answer_without_end_is_cut_off(pull, hub):
    with (
        serving_endless() as address,
        pytest.raises(DownloadFailed, match="more than the expected"),
    ):
        pull(hub=replace(hub, endpoint=address))


def test_there_is_nobody(pull, hub):
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1:9/api/models"):
        pull(hub=replace(hub, endpoint="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 5000, "deeper than"),
        (b'{"sha": 1, "sha": 2}', "not JSON"),
        (b"[]", "expected a table, found list"),
        (b"{}", "expected a commit"),
        (b'{"sha": "main"}', "expected a commit"),
        (b'{"sha": "%s"}' % COMMIT.encode(), "expected a list"),
        (b'{"sha": "%s", "siblings": {}}' % COMMIT.encode(), "expected a list"),
        (b'{"sha": "%s", "siblings": [3]}' % COMMIT.encode(), "expected a name"),
        (b'{"sha": "%s", "siblings": [{"rfilename": 1}]}' % COMMIT.encode(), "expected a name"),
        (
            b'{"sha": "%s", "siblings": [{"rfilename": "a"}, {"rfilename": "a"}]}'
            % COMMIT.encode(),
            "each once",
        ),
        (b'{"sha": "%s", "siblings": [], "id": "../x"}' % COMMIT.encode(), "OWNER/NAME"),
        (b'{"sha": "%s", "siblings": [], "id": 5}' % COMMIT.encode(), "OWNER/NAME"),
    ],
)
def test_an_answer_that_is_none_of_a_hub_is_refused_in_words(pull, fake, answer, words):
    fake.answer = answer
    with pytest.raises(DownloadFailed, match=words) as refusal:
        pull()
    assert "\n" not in str(refusal.value)
    assert not cache_dir().exists()


def test_offline_nothing_is_asked(pull, fake, hub):
    with pytest.raises(DownloadFailed, match="HF_HUB_OFFLINE is set"):
        pull(hub=replace(hub, offline=True))
    assert fake.asked == []


def test_what_the_environment_says_is_what_is_asked(monkeypatch, fake):
    monkeypatch.setenv("HF_ENDPOINT", f"{fake.address}/")
    monkeypatch.setenv("HF_TOKEN", " hf_one\n")
    monkeypatch.setenv("HF_HUB_OFFLINE", "TRUE")
    assert Hub.from_environment(os.environ) == Hub(fake.address, "hf_one", True)


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://x", "huggingface.co", "https://", "https://me:secret@x", "https://x?y", "http://x:y"],
)
def test_an_endpoint_that_is_no_server_is_refused_without_showing_it(endpoint):
    with pytest.raises(BadOption, match="HF_ENDPOINT: expected the address of a hub") as refusal:
        Hub(endpoint)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("token", ["a b", "a\nHost: evil", "é", "x" * 600])
def test_a_token_that_cannot_be_one_is_refused_without_showing_it(token):
    with pytest.raises(BadOption, match="characters that no token has") as refusal:
        Hub(token=token)
    assert token not in str(refusal.value)


def test_a_token_does_not_go_over_an_open_line():
    with pytest.raises(BadOption, match="is not encrypted") as refusal:
        Hub("http://mirror.example", token="hf_one")
    assert "hf_one" not in str(refusal.value)
    assert Hub("http://mirror.example").token is None


def test_the_fake_hub_names_objects_as_git_does():
    # from git's own documentation of hash-object: the empty blob
    fake = FakeHub({"a": b""})
    assert fake.listing()["siblings"][0]["blobId"] == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 404 \x1b[2Jgone\x07\r\n\r\n",
        b"SSH-2.0-OpenSSH\x1b[31m\r\n",
        b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 500,
        b"HTTP/1.0 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
        b"HTTP/1.0 302 Found\r\nLocation: http://[x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"",
    ],
)
def test_what_is_no_answer_is_said_in_one_plain_line(pull, fake, raw):
    fake.raw = raw
    with pytest.raises(DownloadFailed) as refusal:
        pull()
    assert str(refusal.value).isprintable()


def test_an_address_that_leads_to_itself_is_given_up(pull, fake):
    fake.loops = True
    with pytest.raises(DownloadFailed, match="answered 307") as refusal:
        pull()
    assert str(refusal.value).isprintable()
    assert len(fake.asked) < 20


def test_nothing_goes_from_an_encrypted_address_to_one_that_is_not():
    # a server with a certificate is not at hand: the redirect itself is what is asked
    asked = Request("https://hub.example/a")
    for where in ("http://hub.example/b", "http://elsewhere.example/"):
        with pytest.raises(DownloadFailed, match="which is not encrypted"):
            Redirects().redirect_request(asked, None, 302, "Found", {}, where)
    asked.add_unredirected_header("Authorization", "Bearer hf_one")
    same = Redirects().redirect_request(asked, None, 302, "Found", {}, "https://hub.example/b")
    other = Redirects().redirect_request(asked, None, 302, "Found", {}, "https://cdn.example/b")
    assert same.get_header("Authorization") == "Bearer hf_one"
    assert other.get_header("Authorization") is None
