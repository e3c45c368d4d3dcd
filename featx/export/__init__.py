"""A classifier as one ONNX file that needs neither featx nor scikit-learn, checked before it is written."""

from featx.export.checking import Check, export
from featx.export.writing import write_graph

__all__ = ["Check", "export", "write_graph"]
