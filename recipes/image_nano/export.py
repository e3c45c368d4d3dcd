"""The student as the graph that ships, compared with the network at each step."""

from pathlib import Path

import torch
from torch.nn import functional

from recipes.common.sessions import open_session
from recipes.image_nano.embedding import MEASURED, Embedder, decorrelate, measured_images
from recipes.image_nano.quantize import quantize
from recipes.image_nano.schedule import SIDE
from recipes.image_nano.student import Student

__all__ = ["export"]

# Pictures whose ranges the integers cover.
CALIBRATED = 240


def write_float_graph(embedder: Embedder, path: Path) -> None:
    """Write the network as ONNX; batch normalisation becomes part of the convolutions."""
    torch.onnx.export(
        embedder,
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(path),
        input_names=["input"],
        output_names=["embedding"],
        dynamic_axes={"input": {0: "N", 2: "H", 3: "W"}, "embedding": {0: "N"}},
        dynamo=False,
        opset_version=17,
    )


def run_graph(path: Path, x: torch.Tensor) -> torch.Tensor:
    """Return what a graph gives for pictures."""
    [rows] = open_session(path).run(["embedding"], {"input": x.numpy()})
    return torch.from_numpy(rows)


def export(work: Path, graph: Path, least: float = 0.98) -> None:
    """Write the student of WORK as a graph in integers, and print its size and how near it is.

    Raises
    ------
    SystemExit
        The float graph differs from the network, or rows in integers have a mean cosine below
        ``least`` with the network's.
    """
    student = Student(narrow=True)
    student.load_state_dict(torch.load(work / "narrow.pt"))
    embedder = Embedder(student).eval()
    decorrelate(embedder, work)
    floats = graph.with_suffix(".float.onnx")
    write_float_graph(embedder, floats)
    share = CALIBRATED / sum(MEASURED.values())
    images = (row[None] for part in measured_images(work, share) for row in part.numpy())
    quantize(floats, graph, images)
    x = torch.cat([part[:8] for part in measured_images(work, 0.02)])
    with torch.no_grad():
        expected = embedder(x)
    worst = float((run_graph(floats, x) - expected).abs().max() / expected.abs().max())
    if not worst <= 0.001:
        raise SystemExit(f"export: the graph differs from the network by {worst:.4f} of its range")
    cosine = float(functional.cosine_similarity(run_graph(graph, x), expected).mean())
    if not cosine >= least:
        raise SystemExit(f"export: rows in int8 have a cosine of {cosine:.4f}: expected {least}")
    print(f"{graph.stat().st_size} bytes, {len(expected[0])} values, cosine {cosine:.4f} in int8")
    floats.unlink()
