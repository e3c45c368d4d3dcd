"""Backbones: frozen graphs in ONNX Runtime, what they give, and how one is imported and checked."""
