"""A classifier as one ONNX file that needs neither featx nor scikit-learn, checked before it is written."""

from featx.export.assemble import write_graph
from featx.export.verify import Check, export

__all__ = ["Check", "export", "write_graph"]
