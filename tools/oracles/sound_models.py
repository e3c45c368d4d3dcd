"""Compare rows of sound models with those that transformers computes, whole folders taken as they are saved.

    python -m tools.oracles.sound_models write FOLDER      # where transformers and torch are
    python -m tools.oracles.sound_models compare FOLDER    # where featx is

The models are small and have random weights: each is saved with its configuration and exported by PyTorch,
beside sounds and the rows that the library gives of them, each sound by itself.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.oracles.torch_export import export_model

ROWS, SOUNDS = "expected_rows.npy", "expected_sounds.npz"
# of the values of a row, beside the largest
ALLOWED = 1e-4


def draw_sounds(rate: int, longest: int) -> list[np.ndarray]:
    """Return noise of 0.3 s, 3 s and ``longest`` seconds."""
    noise = np.random.default_rng(0).normal(0, 0.2, longest * rate).astype(np.float32)
    return [noise[: rate * 3 // 10 + 7], noise[: 3 * rate], noise]


def save_model(folder: Path, model: Any, extractor: Any, names: list[str]) -> None:
    """Export what a model gives of its inputs, with the configurations beside it."""
    import torch

    folder.mkdir(parents=True)
    model.config.save_pretrained(folder)
    extractor.save_pretrained(folder)
    noise = np.random.default_rng(1).normal(0, 0.2, (2, 16_000)).astype(np.float32)
    features = extractor(list(noise), sampling_rate=extractor.sampling_rate, return_tensors="pt")
    values = {
        name: features[name] if name in features else torch.ones(2, 16_000).long() for name in names
    }
    # samples are of any number, features are not
    free = {0: "n", 1: "t"} if values[names[0]].ndim == 2 else {0: "n"}
    export_model(model, folder, values, free, opset=17)


def save_rows(folder: Path, extractor: Any, row_of: Callable[[Any], Any], longest: int) -> None:
    """Save sounds, and the row of each that ``row_of`` makes of its features."""
    import torch

    sounds = draw_sounds(extractor.sampling_rate, longest)
    rows = []
    for sound in sounds:
        features = extractor(
            sound,
            sampling_rate=extractor.sampling_rate,
            return_tensors="pt",
            # Whisper's is of frames only where it is asked for
            return_attention_mask=extractor.return_attention_mask,
        )
        with torch.no_grad():
            rows.append(row_of(features).numpy())
    np.save(folder / ROWS, np.stack(rows))
    np.savez(folder / SOUNDS, *sounds, rate=extractor.sampling_rate)


def speech_models() -> Iterator[tuple[str, Any, Any, list[str]]]:
    """Give small models of speech with random weights, their extractors and the names of their inputs."""
    import transformers as tf

    small = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": (16,) * 7,
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
    }
    layer = {**small, "feat_extract_norm": "layer", "do_stable_layer_norm": True}
    masked = tf.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    both = ["input_values", "attention_mask"]
    plain = tf.Wav2Vec2FeatureExtractor()
    yield "wav2vec2-group", tf.Wav2Vec2Model(tf.Wav2Vec2Config(**small)), plain, both[:1]
    yield "wav2vec2-layer", tf.Wav2Vec2Model(tf.Wav2Vec2Config(**layer)), masked, both
    yield "hubert", tf.HubertModel(tf.HubertConfig(**layer)), masked, both
    unscaled = tf.Wav2Vec2FeatureExtractor(do_normalize=False)
    yield "wavlm", tf.WavLMModel(tf.WavLMConfig(**small)), unscaled, both


def write(folder: Path) -> None:
    """Save all models with their sounds and rows."""
    import torch
    import transformers as tf

    torch.manual_seed(0)
    for name, model, extractor, names in speech_models():
        save_model(folder / name, model, extractor, names)
        mean = _mean_of(model.eval())
        save_rows(folder / name, extractor, mean, 30)
    for mels in (80, 128):
        sizes = {
            "d_model": 32,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
        }
        sizes |= {"encoder_ffn_dim": 32, "decoder_attention_heads": 2, "decoder_ffn_dim": 32}
        ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
        config = tf.WhisperConfig(**sizes, **ids, vocab_size=9, num_mel_bins=mels)
        encoder = tf.WhisperModel(config).get_encoder().eval()
        extractor = tf.WhisperFeatureExtractor(feature_size=mels)
        target = folder / f"whisper-{mels}"
        save_model(target, encoder, extractor, ["input_features"])
        masked = tf.WhisperFeatureExtractor(feature_size=mels, return_attention_mask=True)
        save_rows(target, masked, _mean_of(encoder.eval(), frames=2), 30)
    small = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    model = tf.ASTModel(tf.ASTConfig(**small, num_hidden_layers=1)).eval()
    save_model(folder / "ast", model, tf.ASTFeatureExtractor(), ["input_values"])
    save_rows(folder / "ast", tf.ASTFeatureExtractor(), lambda f: model(**f).pooler_output[0], 10)


def _mean_of(model: Any, frames: int = 0) -> Callable[[Any], Any]:
    """Return the mean of a model's positions; of those that a mask of ``frames`` each leaves."""

    def row_of(features: Any) -> Any:
        if not frames:
            return model(**features).last_hidden_state[0].mean(0)
        real = -(-int(features["attention_mask"].sum()) // frames)
        return model(features["input_features"]).last_hidden_state[0][:real].mean(0)

    return row_of


def compare(folder: Path) -> bool:
    """Add each model and print how far its rows are from the library's; return whether all are near."""
    from featx import Backbone
    from featx.backbones.adding import add_backbone

    fine = True
    for path in sorted(folder.iterdir()):
        # what is said of windows is known
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backbone = Backbone(add_backbone(path))
        stored = np.load(path / SOUNDS)
        sounds = [stored[name] for name in stored.files if name != "rate"]
        rows = backbone.embed([(sound, int(stored["rate"])) for sound in sounds])
        expected = np.load(path / ROWS)
        difference = float(np.abs(rows - expected).max() / np.abs(expected).max())
        fine = fine and difference <= ALLOWED
        print(f"{path.name:16} {backbone.card.pooling:12} {difference:.1e}")
    return fine


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("step", choices=["write", "compare"])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    if given.step == "write":
        write(given.folder)
    else:
        with tempfile.TemporaryDirectory() as own:
            # what is added is gone afterwards
            os.environ["XDG_DATA_HOME"] = own
            if not compare(given.folder):
                raise SystemExit(f"a row differs by more than {ALLOWED:g}")
