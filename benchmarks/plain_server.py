"""What one writes in ten minutes: FastAPI and ONNX Runtime with their defaults, for benchmarks/serving.py."""

from __future__ import annotations

import io
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, UploadFile
from PIL import Image

session = onnxruntime.InferenceSession(os.environ["GRAPH"], providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
head = dict(np.load(os.environ["HEAD"]))
app = FastAPI()


@app.post("/predict")
def predict(file: UploadFile) -> dict[str, str]:
    image = Image.open(io.BytesIO(file.file.read())).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
    pixels = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    [rows] = session.run(["embedding"], {name: pixels.transpose(2, 0, 1)[None].astype(np.float32)})
    scores = rows.reshape(1, -1) @ head["coef"] + head["intercept"]
    return {"label": str(head["classes"][int(scores[0, 0] > 0)])}
