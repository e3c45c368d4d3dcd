"""``featx.read_samples("folder")`` is all that a folder of photos, texts or sounds needs."""

import pytest

import featx
from featx.errors import BadOption, BadSource, FeatxWarning


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def ids(samples):
    return [sample.id for sample in samples]


@pytest.mark.parametrize("suffix", [".jpg", ".wav", ".txt"])
def test_a_folder_is_read_for_what_most_of_its_files_are(tmp_path, suffix):
    names = [f"{label}/{number}{suffix}" for label in ("a", "b") for number in (1, 2)]
    put(tmp_path, *names, "a/readme.md", "odd.jpg", "odd.wav")
    with pytest.warns(FeatxWarning, match=r"left out: .*1 \.md"):
        samples = featx.read_samples(str(tmp_path))
    assert ids(samples)[:4] == names
    assert [sample.label for sample in samples][:4] == ["a", "a", "b", "b"]


def test_a_table_of_texts_gives_its_texts_and_one_of_paths_its_files(tmp_path):
    (tmp_path / "texts.csv").write_text("text,label\nhello,x\n")
    (tmp_path / "paths.csv").write_text("path,label\na.jpg,x\n")
    assert featx.read_samples(tmp_path / "texts.csv")[0].data == "hello"
    assert featx.read_samples(tmp_path / "paths.csv")[0].data.path == tmp_path / "a.jpg"


def test_the_modality_may_be_said_and_wins(tmp_path):
    put(tmp_path, "1.jpg", "2.jpg", "3.wav")
    with pytest.warns(FeatxWarning, match=r"2 samples; 1 other file left out: 1 \.wav"):
        assert ids(featx.read_samples(tmp_path)) == ["1.jpg", "2.jpg"]
    with pytest.warns(FeatxWarning, match=r"1 sample; 2 other files left out: 2 \.jpg"):
        assert ids(featx.read_samples(tmp_path, modality="audio")) == ["3.wav"]
    with pytest.raises(BadOption, match="modality 'smell': expected one of image, text, audio"):
        featx.read_samples(tmp_path, modality="smell")


def test_a_split_and_columns_may_be_said(tmp_path):
    put(tmp_path / "folder", "train/x/1.jpg", "test/x/2.jpg")
    assert ids(featx.read_samples(tmp_path / "folder", split="test")) == ["test/x/2.jpg"]
    (tmp_path / "a.csv").write_text("photo,kind,key\na.jpg,cat,k1\n")
    [sample] = featx.read_samples(
        tmp_path / "a.csv", path_column="photo", label_column="kind", id_column="key"
    )
    assert (sample.id, sample.label) == ("k1", "cat")


def test_what_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(BadSource, match="nowhere: no such file or folder"):
        featx.read_samples(tmp_path / "nowhere")


def test_what_is_read_can_be_embedded(photos):
    samples = featx.read_samples(photos)[:2]
    rows = featx.Engine().embed(samples, featx.Backbone("featx-image-nano"))
    assert list(rows.ids) == ids(samples)
    assert rows.rejects == ()
