"""The recipe of featx-audio-nano: what it learns from, and that the shipped graph is its mathematics."""

import numpy as np
import pytest

from featx.catalog import get_card
from recipes.audio_mel.check import check as check_mel
from recipes.audio_nano import graph
from recipes.audio_nano.calls import draw_calls
from recipes.audio_nano.check import check, embed, sound_map, weights_of
from recipes.audio_nano.clips import Clips, ClipWriter, cut, trim
from recipes.audio_nano.repositories import HELD_OUT
from recipes.common.sessions import open_session
from tests.support.audio_oracle import drawn

NAME = "featx-audio-nano"


@pytest.fixture(scope="module")
def backbone(shipped):
    return shipped / NAME / "backbone.onnx"


def put(path, seconds=0.5, rate=16_000):
    soundfile = pytest.importorskip("soundfile")
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.5 * np.sin(np.arange(int(seconds * rate)) * 0.2)
    soundfile.write(path, np.pad(tone, 2000), rate)


def test_the_graph_written_from_the_shipped_weights_is_the_shipped_one(tmp_path, backbone):
    graph.export(weights_of(backbone), tmp_path / "backbone.onnx")
    assert (tmp_path / "backbone.onnx").read_bytes() == backbone.read_bytes()


def test_the_shipped_graph_agrees_with_numpy_on_tones_noise_and_silence(backbone, capsys):
    check(backbone)
    assert "silence" in capsys.readouterr().out


def test_the_canary_is_what_the_mathematics_gives(backbone):
    canary = get_card(NAME).canary
    row = embed(weights_of(backbone), drawn(16_000))
    np.testing.assert_allclose(canary, row[: len(canary)], rtol=1e-3, atol=1e-3)


def test_the_map_has_a_position_every_80_ms_of_the_sound(backbone):
    session, weights = open_session(backbone), weights_of(backbone)
    assert session.get_inputs()[0].name == "waveform"
    for samples, positions in ((1, 1), (1279, 1), (1280, 2), (16_000, 13)):
        wave = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
        assert len(sound_map(weights, wave)) == positions


def test_a_graph_that_is_another_is_refused(shipped):
    with pytest.raises(SystemExit):
        check_mel(shipped / NAME / "backbone.onnx")


def test_held_out_words_are_not_learned_from(tmp_path):
    pytest.importorskip("soxr")
    from recipes.audio_nano.collect import collect

    sources, work = tmp_path / "sources", tmp_path / "work"
    arabic = sources / "abdulkaderghandoura" / "arabic-speech-commands-dataset" / "dataset"
    for word in ("yes", "zoom in", "zoom_in", "six", "cancel", "zoom out"):
        put(arabic / word / "1.wav")
    work.mkdir()
    collect(sources, tmp_path / "spoken", work, calls=1)
    with np.load(work / "clips.npz") as stored:
        words = set(stored["words"]) - {"call 0"}
    assert {word.split(" ", 1)[1] for word in words} == {"cancel", "zoom out"}
    assert len(HELD_OUT) == 20


def test_silence_around_a_word_is_cut_off_and_a_long_sound_is_cut_up():
    word = np.ones(4000, np.float32)
    assert len(trim(np.pad(word, 16_000))) == pytest.approx(4000 + 2 * 640, abs=320)
    pieces = list(cut(np.arange(50_000.0), 10, np.random.default_rng(0)))
    assert [piece[0] for piece in pieces] == [0, 20_480]
    assert len(list(cut(np.arange(900_000.0), 3, np.random.default_rng(0)))) == 3


def test_clips_come_back_as_they_were_at_a_set_peak(tmp_path):
    clips, wave = ClipWriter(), np.linspace(-0.1, 0.1, 2000, dtype=np.float32)
    clips.add(wave, "words", "slope")
    clips.add(wave[:1199], "words", "too short")
    clips.add(np.zeros(3000, np.float32), "noise")
    clips.add(wave[::-1], "speech")
    clips.save(tmp_path)
    found = Clips(tmp_path)
    assert (len(found), found.n_words, list(found.words)) == (2, 1, [0, -1])
    np.testing.assert_allclose(found.wave(0), wave / 0.1 * 16_000 / 32_768, atol=1e-4)


def test_calls_of_a_kind_are_alike_and_of_two_kinds_are_not():
    calls = list(draw_calls(np.random.default_rng(0), kinds=6, members=5))
    assert [name for name, _ in calls] == [f"call {k}" for k in range(6) for _ in range(5)]
    lengths = np.array([len(wave) for _, wave in calls]).reshape(6, 5)
    assert (lengths.max(1) < 2 * lengths.min(1)).all()
    assert all(np.isfinite(wave).all() and wave.any() for _, wave in calls)
