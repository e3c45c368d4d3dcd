"""Classify a photo with ONNX Runtime, Pillow and NumPy alone: the least that does what featx predict does.

python bare.py GRAPH HEAD PHOTO      # HEAD is what benchmarks/common.py writes of a classifier
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image


class Bare:
    """A graph, a linear head on its rows, and how photos become its input."""

    def __init__(self, graph, head, threads=0):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(graph, options, providers=providers)
        self.name = self.session.get_inputs()[0].name
        with np.load(head) as kept:
            self.head = dict(kept)

    def read(self, file):
        resize, crop = int(self.head["resize"]), int(self.head["crop"])
        image = Image.open(file).convert("RGB")
        scale = resize / min(image.size)
        image = image.resize([max(resize, int(side * scale)) for side in image.size], 2)
        left, top = (round((side - crop) / 2) for side in image.size)
        pixels = np.asarray(image.crop((left, top, left + crop, top + crop)), np.float32) / 255
        pixels = (pixels - self.head["mean"]) / self.head["std"]
        return pixels.transpose(2, 0, 1)[None].astype(np.float32)

    def score(self, tensor):
        [rows] = self.session.run(["embedding"], {self.name: tensor})
        return (rows @ self.head["coef"] + self.head["intercept"]) / self.head["temperature"]

    def answer(self, scores):
        second = float(1 / (1 + np.exp(-scores[0, 0])))
        label = str(self.head["classes"][int(second > 0.5)])
        return {"label": label, "probability": max(second, 1 - second)}


if __name__ == "__main__":
    graph, head, photo = sys.argv[1:]
    bare = Bare(graph, head, threads=1)
    print(json.dumps({"id": photo, **bare.answer(bare.score(bare.read(photo)))}))
