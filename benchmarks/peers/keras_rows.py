"""Contender: Keras' own MobileNetV2 and ``predict`` over a tf.data pipeline.

Its weights are random, from a fixed seed: speed does not depend on their values, and ImageNet's would
need a download. So its rows cannot be compared with the others'.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from protocol import answer


class Keras:
    """Rows by one setting of ``batch`` and ``threads``, which decode and compute side by side."""

    def __init__(self, job: dict[str, Any]) -> None:
        given, image = job["settings"], job["image"]
        tf.config.threading.set_intra_op_parallelism_threads(given["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(given["threads"])
        keras.utils.set_random_seed(0)
        side = image["crop"]
        self.model = keras.applications.MobileNetV2(
            weights=None, include_top=False, pooling="avg", input_shape=(side, side, 3)
        )
        self.resize, self.side, self.batch = image["resize"], side, given["batch"]

    def __call__(self, paths: Sequence[str]) -> np.ndarray:
        photos = tf.data.Dataset.from_tensor_slices(list(paths))
        photos = photos.map(self._read, num_parallel_calls=tf.data.AUTOTUNE)
        photos = photos.batch(self.batch).prefetch(tf.data.AUTOTUNE)
        return self.model.predict(photos, verbose=0)

    def _read(self, path: tf.Tensor) -> tf.Tensor:
        """Short side to ``resize``, centre crop, Keras' own scaling to -1..1."""
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        sides = tf.shape(image)[:2]
        scale = self.resize / tf.reduce_min(sides)
        wanted = tf.cast(tf.round(tf.cast(sides, tf.float64) * scale), tf.int32)
        image = tf.image.resize(image, wanted)
        image = tf.image.resize_with_crop_or_pad(image, self.side, self.side)
        return keras.applications.mobilenet_v2.preprocess_input(image)


if __name__ == "__main__":
    answer(Keras)
