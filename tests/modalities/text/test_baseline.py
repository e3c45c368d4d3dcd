"""What may be a text, and what is known of texts without a backbone."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from featx.embedding.engine import BaselineEmbedder, Engine
from featx.errors import BadSample
from featx.modalities.text.baseline import HashedWords
from featx.modalities.text.settings import TextSettings
from featx.reading import read_samples
from featx.sources import make_samples
from featx.storage.blob import Blob
from tests.support.texts import TEXT


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "None: expected a text"),
        (7, "the number 7: expected a text"),
        (float("nan"), "the number nan: expected a text"),
        (np.float32(1.5), "the number 1.5: expected a text"),
        (["a"], "list: expected a text"),
        ("half a pair \ud83d", r"character 13 is half of a surrogate pair, U\+D83D"),
        (b"\xff\xfetext", "not UTF-8 at byte 1; save the file as UTF-8"),
        (Path("no such file.txt"), "file not found"),
        (b"", "empty file"),
    ],
)
def test_what_is_no_text_is_refused_in_words(data, words):
    with pytest.raises(BadSample, match=words):
        HashedWords().load(data)


def test_a_str_is_the_text_and_a_path_names_its_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe\r\n")
    reader = HashedWords()
    assert reader.load(str(path)) == str(path)
    assert reader.load(path) == reader.load(path.read_bytes()) == "grüße\r\n"
    with path.open("rb") as file:
        assert reader.load(file) == "grüße\r\n"
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(path, "a.txt")
    [sample] = read_samples(archive, **TEXT)
    member = sample.data
    assert isinstance(member, Blob)
    assert reader.load(member) == "grüße\r\n"
    assert reader.digest(reader.load(member)) == reader.digest("grüße\r\n")


def test_bad_texts_are_rejects_and_the_others_have_their_rows(minilm, tmp_path):
    samples = make_samples(["fine", None, 3, "", "\ud800", tmp_path / "gone.txt", "also fine"])
    found = Engine(on_error="skip").embed(samples, minilm)
    assert len(found) == 3
    assert len(found.rejects) == 4
    with pytest.raises(BadSample, match="1: None"):
        Engine().embed(samples, minilm)


def test_an_id_is_the_text_or_how_it_begins():
    assert [sample.id for sample in make_samples(["a", "b" * 300, "a"])] == [
        "a",
        "b" * 199 + "…",
        "a#2",
    ]


def test_the_baseline_counts_words_at_unit_length():
    baseline = BaselineEmbedder(TextSettings())
    assert baseline.dim == 1024
    reader = baseline.reader
    same, other = reader.read("The CAT, the cat!"), reader.read("a dog")
    assert same.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(same), 1, atol=1e-6)
    np.testing.assert_array_equal(same, reader.read("cat the"))
    assert same @ other == 0
    assert not reader.read("").any()
    found = Engine().embed(make_samples(["a b", "a b", "c"]), baseline)
    np.testing.assert_array_equal(found.embeddings[0], found.embeddings[1])
