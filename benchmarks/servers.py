"""Serve a classifier without featx: plain FastAPI with ONNX Runtime's defaults, or the same behind LitServe.

python servers.py plain|litserve PORT      # reads GRAPH and HEAD from the environment
"""

# no postponed annotations: LitServe reads them from the signature
import io
import os
import sys

import numpy as np
import onnxruntime
from fastapi import FastAPI, UploadFile
from PIL import Image

try:
    import litserve
except ImportError:
    litserve = None


class Pets:
    """The graph, and a linear head on its rows."""

    def __init__(self, options=None):
        self.session = onnxruntime.InferenceSession(
            os.environ["GRAPH"], options, providers=["CPUExecutionProvider"]
        )
        self.name = self.session.get_inputs()[0].name
        self.head = dict(np.load(os.environ["HEAD"]))

    def read(self, file):
        image = Image.open(io.BytesIO(file.read())).convert("RGB")
        scale = 256 / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)))
        left, top = (image.width - 224) // 2, (image.height - 224) // 2
        pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
        pixels = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        return pixels.transpose(2, 0, 1)[None].astype(np.float32)

    def score(self, tensor):
        [rows] = self.session.run(["embedding"], {self.name: tensor})
        return rows.reshape(1, -1) @ self.head["coef"] + self.head["intercept"]

    def answer(self, scores):
        return {"label": str(self.head["classes"][int(scores[0, 0] > 0)])}


def serve_plain(port):
    """What one writes in ten minutes."""
    import uvicorn

    pets, app = Pets(), FastAPI()

    @app.post("/predict")
    def predict(file: UploadFile) -> dict[str, str]:
        return pets.answer(pets.score(pets.read(file.file)))

    uvicorn.run(app, port=port, log_level="error")


class LitPets(litserve.LitAPI if litserve else object):
    """The same for LitServe, with a process a core."""

    def setup(self, device):
        options = onnxruntime.SessionOptions()
        # a process a core: more threads would fight each other
        options.intra_op_num_threads = 1
        self.pets = Pets(options)

    def decode_request(self, request: UploadFile):
        return self.pets.read(request.file)

    def predict(self, tensor):
        return self.pets.score(tensor)

    def encode_response(self, scores):
        return self.pets.answer(scores)


def serve_litserve(port):
    cores = len(os.sched_getaffinity(0))
    server = litserve.LitServer(LitPets(), accelerator="cpu", workers_per_device=cores)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="error")


if __name__ == "__main__":
    {"plain": serve_plain, "litserve": serve_litserve}[sys.argv[1]](int(sys.argv[2]))
