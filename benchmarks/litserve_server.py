"""The same handler behind LitServe, a model server, with a process a core: for benchmarks/serving.py."""

import io
import os
import sys

import litserve
import numpy as np
import onnxruntime
from fastapi import UploadFile
from PIL import Image


# annotations are evaluated here: LitServe reads them from the signature
class Pets(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a process a core: more threads would fight each other
        self.session = onnxruntime.InferenceSession(
            os.environ["GRAPH"], options, providers=["CPUExecutionProvider"]
        )
        self.name = self.session.get_inputs()[0].name
        self.head = dict(np.load(os.environ["HEAD"]))

    def decode_request(self, request: UploadFile):
        image = Image.open(io.BytesIO(request.file.read())).convert("RGB")
        scale = 256 / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)))
        left, top = (image.width - 224) // 2, (image.height - 224) // 2
        pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
        pixels = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        return pixels.transpose(2, 0, 1)[None].astype(np.float32)

    def predict(self, pixels):
        [rows] = self.session.run(["embedding"], {self.name: pixels})
        return rows.reshape(1, -1) @ self.head["coef"] + self.head["intercept"]

    def encode_response(self, scores):
        return {"label": str(self.head["classes"][int(scores[0, 0] > 0)])}


if __name__ == "__main__":
    cores = len(os.sched_getaffinity(0))
    server = litserve.LitServer(Pets(), accelerator="cpu", workers_per_device=cores)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error"
    )
