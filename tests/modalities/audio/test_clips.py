import io

import numpy as np
import pytest
import soundfile

from featx.errors import BadOption, BadSample
from featx.modalities.audio.clips import sound_clip
from featx.sources import Segment
from tests.support.sounds import encode, tone

KINDS = ["audio/wav", "audio/mpeg"]


def heard(clip):
    return soundfile.read(io.BytesIO(clip.content), dtype="float32")


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_heard_like_its_sound(kind):
    clip = sound_clip(encode(tone(1.0, level=0.5)), rate=16000, kind=kind)
    sound, rate = heard(clip)
    assert clip.whole
    assert clip.kind == kind
    assert len(sound) / rate == pytest.approx(1.0, abs=0.15)
    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argmax(spectrum) * rate / len(sound) == pytest.approx(440, rel=0.02)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_long_sound_a_clip_is_how_it_begins(kind):
    sound = np.concatenate([tone(2.0), np.zeros(16000 * 60, np.float32)])
    clip = sound_clip(sound, rate=16000, seconds=1.0, kind=kind)
    assert not clip.whole
    assert clip.seconds == 1.0
    assert len(clip.content) < 9000


def test_a_part_of_a_recording_is_what_is_heard(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encode(np.concatenate([np.zeros(16000, np.float32), tone(1.0)])))
    clip = sound_clip(Segment(path, 0.0, 0.5), rate=16000, kind="audio/wav")
    assert np.abs(heard(clip)[0]).max() < 0.01


def test_two_channels_become_one():
    clip = sound_clip(np.stack([tone(0.5), tone(0.5)], axis=1), rate=16000)
    assert heard(clip)[0].ndim == 1


@pytest.mark.parametrize("content", [b"", b"no sound", b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_sound_is_refused_in_words(content):
    with pytest.raises(BadSample):
        sound_clip(content, rate=16000)


@pytest.mark.parametrize(
    "options", [{"kind": "audio/flac"}, {"seconds": 0.0}, {"seconds": float("nan")}]
)
def test_a_clip_of_another_kind_or_of_no_time_is_refused(options):
    with pytest.raises(BadOption, match="expected audio/mpeg or audio/wav, and more than 0"):
        sound_clip(tone(), rate=16000, **options)
