"""``featx explain`` and ``predict --explain``: pages, lines and pictures; what cannot be done is refused."""

import json

import numpy as np
import pytest
from PIL import Image

import featx
from tests.support.commands import refusal, run
from tests.support.serving import noise

BASES = (30, 120, 210)
# a command shows what pytest would raise
TELLS = pytest.mark.filterwarnings("default::featx.errors.FeatxNotice")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder of pictures, a predictor whose scores are sums and one whose are none."""
    folder = tmp_path_factory.mktemp("explain")
    for k in range(8):
        for base in BASES:
            Image.fromarray(noise(base, k, (32, 40, 3))).save(folder / f"{base}-{k}.png")
    paths = sorted(folder.glob("*.png"))
    labels = [path.name.partition("-")[0] for path in paths]
    card = featx.get_card("featx-image-nano").variant(tap="last-map", pooling="mean")
    featx.save(featx.fit(paths, labels, backbone=card, baseline=False), folder / "sum.featx")
    featx.save(featx.fit(paths, labels, baseline=False), folder / "none.featx")
    texts = ["good film", "great fun", "fine plot", "bad film", "awful plot", "poor fun"]
    words = featx.fit(texts, ["+"] * 3 + ["-"] * 3, baseline=False)
    featx.save(words, folder / "words.featx")
    return folder


@pytest.mark.slow
def test_a_line_of_json_a_sample_says_what_adds_up_to_the_score(world):
    found = run("explain", world / "sum.featx", world / "30-0.png", world / "210-1.png")
    assert found.exit_code == 0, found.output
    for line, name in zip(found.stdout.splitlines(), ("30", "210"), strict=True):
        table = json.loads(line)
        total = table["bias"] + sum(part["value"] for part in table["parts"])
        assert (table["method"], table["target"]) == ("exact", name)
        assert total == pytest.approx(table["score"], abs=1e-4)


def test_a_class_and_the_one_that_it_is_compared_with_may_be_named(world):
    words = ("--class", "120", "--against", "30", "--neighbours", "2")
    table = json.loads(run("explain", world / "sum.featx", world / "30-0.png", *words).stdout)
    assert (table["target"], table["against"]) == ("120", "30")
    assert [near["target"] for near in table["neighbours"]] == ["30", "30"]


def test_a_page_shows_each_sample_and_needs_no_network(world, tmp_path):
    page = tmp_path / "page.html"
    paths = [world / f"{base}-0.png" for base in BASES]
    found = run("explain", world / "sum.featx", *paths, "-o", page, "--neighbours", 1)
    assert (found.exit_code, found.stdout.strip()) == (0, str(page))
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/jpeg;base64,") == 3
    assert html.count("<caption><span>Nearest training samples") == 3
    assert "<script" not in html
    assert "http:" not in html.replace("http-equiv", "")


def test_a_picture_of_one_sample_is_a_png_of_its_size(world, tmp_path):
    found = run("explain", world / "sum.featx", world / "30-0.png", "-o", tmp_path / "map.png")
    assert found.exit_code == 0, found.output
    with Image.open(tmp_path / "map.png") as image:
        assert (image.format, image.size) == ("PNG", (40, 32))


def test_a_folder_gets_a_picture_a_sample(world, tmp_path):
    out = tmp_path / "maps"
    run("explain", world / "sum.featx", world / "30-0.png", world / "30-1.png", "-o", out)
    assert sorted(path.name for path in out.iterdir()) == ["0001-30-0.png", "0002-30-1.png"]


def test_lines_go_into_a_file(world, tmp_path):
    path = tmp_path / "lines.jsonl"
    run("explain", world / "sum.featx", world / "30-0.png", "-o", path)
    [line] = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["id"].endswith("30-0.png")


@TELLS
def test_texts_are_marked_in_a_page_of_their_own(world, tmp_path):
    table = tmp_path / "texts.csv"
    table.write_text("text\nan <awful> film\n", encoding="utf-8")
    found = run("explain", world / "words.featx", table, "-o", tmp_path / "marks")
    assert found.exit_code == 0, found.output
    [page] = (tmp_path / "marks").iterdir()
    html = page.read_text(encoding="utf-8")
    assert page.suffix == ".html"
    assert html.count("<mark") == 5
    assert "<awful>" not in html


@TELLS
def test_hidden_places_are_announced_with_their_cost(world):
    found = run("explain", world / "none.featx", world / "30-0.png", "--places", 9)
    assert "no exact sum over places" in found.stderr
    assert "costs about 9 predictions a sample" in found.stderr
    assert len(json.loads(found.stdout)["parts"]) == 9


def test_predict_says_what_speaks_for_its_answer(world):
    found = run("predict", world / "sum.featx", world / "30-0.png", "--explain", "--top-k", 2)
    plain = run("predict", world / "sum.featx", world / "30-0.png", "--top-k", 2)
    table = json.loads(found.stdout)
    explained = table.pop("explanation")
    assert table == json.loads(plain.stdout)
    assert (explained["target"], len(explained["parts"])) == ("30", 49)


def test_a_table_has_no_cell_for_an_explanation(world):
    found = run("predict", world / "sum.featx", world / "30-0.png", "--explain", "--format", "csv")
    assert found.exit_code == 2
    assert "--explain: a table has no cell for it" in found.stderr


def test_what_cannot_be_read_is_told_and_the_others_are_explained(world, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    for command in (("explain",), ("predict", "--explain")):
        found = run(command[0], world / "sum.featx", broken, world / "30-0.png", *command[1:])
        assert found.exit_code == 1
        assert len(found.stdout.splitlines()) == 1
        assert "not an image" in found.stderr
        assert "1 of 2 could not be read" in found.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--class", "mouse"], "--class mouse: expected one of '120', '210', '30'"),
        (["--class", "30", "--against", "30"], "--against 30: is the target itself"),
        (["--places", "2000"], "--places 2000: expected a number from 1 to 1024"),
        (["--neighbours", "500"], "--neighbours 500: expected 0 to 100"),
        (["-o", "x.gif"], "x.gif: expected a folder or a name that ends in one of .html"),
        (["-o", "no/such/folder/x.html"], "no/such/folder"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(words, expected, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = refusal(run("explain", world / "sum.featx", world / "30-0.png", *words))
    assert expected in said
    assert list(tmp_path.iterdir()) == []


def test_an_exact_sum_that_is_not_there_is_refused_with_what_to_do(world):
    said = refusal(run("explain", world / "none.featx", world / "30-0.png", "--method", "exact"))
    assert "so its score is no exact sum over places; expected --method occlusion" in said


def test_a_picture_of_several_samples_is_refused(world, tmp_path):
    words = (world / "30-0.png", world / "30-1.png", "-o", tmp_path / "x.png")
    assert "shows one sample, found 2; expected a folder" in refusal(
        run("explain", world / "sum.featx", *words)
    )


@pytest.mark.slow
def test_a_predictor_without_rows_has_no_neighbours_to_show(world, tmp_path):
    paths = sorted(world.glob("*.png"))
    predictor = featx.fit(paths, [path.name[:2] for path in paths], keep_rows=False, baseline=False)
    featx.save(predictor, tmp_path / "bare.featx")
    said = refusal(run("explain", tmp_path / "bare.featx", paths[0], "--neighbours", 3))
    assert "keeps no rows of its training samples" in said


def test_standard_input_is_explained_as_it_comes(world):
    lines = f"{world / '30-0.png'}\n{world / '30-1.png'}\n"
    found = run("explain", world / "sum.featx", "-", input=lines)
    assert len(found.stdout.splitlines()) == 2


@TELLS
def test_a_sound_is_drawn_as_a_curve(tmp_path):
    rng = np.random.default_rng(0)
    sounds = [rng.normal(0, level, 8000).astype(np.float32) for level in (0.01, 0.3) * 4]
    predictor = featx.fit(sounds, ["quiet", "loud"] * 4, baseline=False)
    featx.save(predictor, tmp_path / "loud.featx")
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", sounds[1], 16_000)
    out = tmp_path / "a.svg"
    found = run("explain", tmp_path / "loud.featx", tmp_path / "a.wav", "--places", 8, "-o", out)
    assert found.exit_code == 0, found.output
    assert "score a second" in out.read_text(encoding="utf-8")
