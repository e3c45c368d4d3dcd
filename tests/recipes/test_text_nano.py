"""The recipe of featx-text-nano: its text, its training on made-up sentences, and its graph."""

import json
import zipfile

import numpy as np
import pytest
from tokenizers import Tokenizer

from featx.catalog import get_card
from recipes.common.onnx_graph import constants_of
from recipes.text_nano import readers
from recipes.text_nano.check import check, embed
from recipes.text_nano.corpus import write_corpus
from recipes.text_nano.graph import export, write_graph
from recipes.text_nano.quick import SMALL, make_up_sentences, make_up_targets
from recipes.text_nano.sentences import read_taught, sentences_of
from recipes.text_nano.tokens import TokenIds, pad_ids, select_pieces, word_piece_tokenizer

NAME = "featx-text-nano"


@pytest.fixture(scope="module")
def constants(shipped):
    return constants_of(shipped / NAME / "backbone.onnx")


@pytest.fixture
def evaluation(tmp_path):
    folder = tmp_path / "evaluation" / "banking"
    folder.mkdir(parents=True)
    long = "please tell me where my new card is right now"
    (folder / "test.csv").write_text(f"text,label\nlost my card,a\n{long},b\n", encoding="utf-8")
    return folder.parent


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def put_zip(path, **members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/") + ".txt", text)


def test_the_graph_written_from_the_shipped_weights_is_the_shipped_one(
    tmp_path, shipped, constants
):
    weights = {
        "tokens": constants["tokens"] * constants["token_gain"].astype(np.float64)[:, None],
        "pairs": constants["pairs"] * constants["pair_gain"].astype(np.float64)[:, None],
        "widen_weight": constants["widen_half"].T,
        "into_weight": constants["w_in_half"].T,
        "into_bias": constants["b_in"],
        "out_weight": constants["w_out_half"].T,
        "out_bias": constants["b_out"],
    }
    write_graph(tmp_path / "backbone.onnx", weights)
    assert (tmp_path / "backbone.onnx").read_bytes() == (
        shipped / NAME / "backbone.onnx"
    ).read_bytes()


def test_the_canary_is_what_numpy_gives(shipped, constants):
    tokenizer = Tokenizer.from_file(str(shipped / NAME / "tokenizer.json"))
    row = embed(constants, tokenizer.encode("This is an example sentence").ids)
    canary = get_card(NAME).canary
    np.testing.assert_allclose(canary, row[: len(canary)], rtol=1e-4, atol=1e-4)


def test_the_shipped_graph_agrees_with_numpy_whatever_the_padding(shipped, capsys):
    check(shipped / NAME)
    assert "begins 5.5380 -3.1773" in capsys.readouterr().out


def test_the_corpus_leaves_out_evaluation_texts_and_repetitions(tmp_path, evaluation):
    sources = tmp_path / "sources"
    texts = [
        "Lost my card!",
        "well please tell me where my new card went",
        "Play a song.",
        "play a SONG",
        "Wonderful film",
    ]
    clinc = {"train": [[text, "intent"] for text in texts]}
    put(sources / "clinc/oos-eval/data/data_full.json", json.dumps(clinc))
    corpora = sources / "nltk/nltk_data/packages/corpora"
    put_zip(corpora / "movie_reviews.zip", movie_reviews__pos__a="wonderful film\nso so")
    put_zip(corpora / "pros_cons.zip", IntegratedPros="<Pros>cheap</Pros>", IntegratedCons="so so")
    write_corpus(sources, evaluation, tmp_path / "work")
    sentences, sentiments = read_taught(tmp_path / "work", SMALL)
    found = dict(zip(sentences, sentiments.tolist(), strict=True))
    assert found == {"Play a song.": -1, "Wonderful film": 1, "so so": -1, "cheap": 1}


def test_sentences_end_before_a_capital():
    text = 'It is late.<br />Is it?  "Yes." No. 5 left, e.g. one'
    assert sentences_of(text) == ["It is late.", "Is it?", '"Yes.', "No.", "5 left, e.g. one"]


def test_tables_with_tabs_may_hold_quotes(tmp_path):
    put(tmp_path / "a.tsv", 'text\tvalue\n"half a quote\t1\nshort\n')
    assert list(readers.read_columns(tmp_path / "a.tsv", [0, 1], "\t")) == [
        '"half a quote',
        "1",
        "short",
    ]


def test_fields_are_found_however_deep(tmp_path):
    lines = [{"a": [{"question": "one"}]}, {"question": {"question": "two"}, "answer": "no"}]
    put(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert list(readers.read_fields(tmp_path / "a.jsonl", {"question"})) == ["one", "two"]


@pytest.mark.parametrize(
    ("clean", "line", "expected"),
    [
        (readers.remove_tags, "The/at jury/nn said/vbd ,/, yes/rb ./.", "The jury said, yes."),
        (readers.review_sentence, "screen[+2]## it is bright ", "it is bright"),
        (readers.review_sentence, "[t] a title", ""),
        (readers.remove_markup, "<Pros>light, cheap</Pros>", "light, cheap"),
    ],
)
def test_lines_lose_what_annotates_them(clean, line, expected):
    assert clean(line) == expected


def test_rare_pieces_go_and_single_letters_stay():
    pieces = ["[PAD]", "[UNK]", "[CLS]", "card", "parcel", "c", "##d", "é"]
    teacher = word_piece_tokenizer(pieces)
    chosen = select_pieces(teacher, ["card card", "card parcel"], 2)
    assert chosen == ["[PAD]", "[UNK]", "card", "c", "##d"]


def test_ids_are_padded_to_the_longest_and_an_empty_text_to_one():
    ids, mask = pad_ids([[5, 6], [7]])
    assert (ids.tolist(), mask.tolist()) == ([[5, 6], [7, 0]], [[1, 1], [1, 0]])
    assert pad_ids([[]])[0].shape == (1, 1)


def test_the_student_comes_near_its_targets_and_its_graph_agrees_with_numpy(tmp_path, capsys):
    pytest.importorskip("torch", reason="training needs torch, which featx does not")
    from recipes.text_nano.train import train

    make_up_targets(tmp_path, make_up_sentences(tmp_path, SMALL.taught))
    train(tmp_path, SMALL)
    cosines = [line.split("text ")[1][:6] for line in capsys.readouterr().out.splitlines()]
    assert len(cosines) == SMALL.epochs
    assert min(map(float, cosines)) > 0.9
    export(tmp_path, tmp_path / "out", SMALL)
    check(tmp_path / "out")


def test_the_student_embeds_a_sentence_alone_as_among_others(tmp_path):
    torch = pytest.importorskip("torch", reason="training needs torch, which featx does not")
    from recipes.text_nano.student import Student

    make_up_targets(tmp_path, make_up_sentences(tmp_path, 5))
    ids = TokenIds(tmp_path)
    student = Student(np.random.default_rng(0).normal(size=(300, 256)).astype(np.float32), SMALL)
    with torch.no_grad():
        together = student(torch.from_numpy(ids.flat), torch.from_numpy(ids.ends))
        alone = torch.cat(
            [
                student(torch.from_numpy(ids.of(row)), torch.tensor([0, len(ids.of(row))]))
                for row in range(len(ids))
            ]
        )
    torch.testing.assert_close(together, alone)
