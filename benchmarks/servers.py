"""Serve a classifier without featx: plain FastAPI with ONNX Runtime's defaults, or the same behind LitServe.

python servers.py plain|litserve PORT GRAPH HEAD
"""

# no postponed annotations: LitServe reads them from the signature
import os
import sys

from bare import Bare
from fastapi import FastAPI, UploadFile

try:
    import litserve
except ImportError:
    litserve = None


def serve_plain(port, graph, head):
    """Serve as one writes it in ten minutes."""
    import uvicorn

    bare, app = Bare(graph, head), FastAPI()

    @app.post("/predict")
    def predict(file: UploadFile) -> dict[str, str | float]:
        return bare.answer(bare.score(bare.read(file.file)))

    uvicorn.run(app, port=port, log_level="error")


class BareLit(litserve.LitAPI if litserve else object):
    """The same for LitServe; with a process a core, more threads would fight each other."""

    def setup(self, device):
        self.bare = Bare(*sys.argv[3:], threads=1)

    def decode_request(self, request: UploadFile):
        return self.bare.read(request.file)

    def predict(self, tensor):
        return self.bare.score(tensor)

    def encode_response(self, scores):
        return self.bare.answer(scores)


def serve_litserve(port, graph, head):
    cores = len(os.sched_getaffinity(0))
    server = litserve.LitServer(BareLit(), accelerator="cpu", workers_per_device=cores)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="error")


if __name__ == "__main__":
    kind, port, *files = sys.argv[1:]
    {"plain": serve_plain, "litserve": serve_litserve}[kind](int(port), *files)
