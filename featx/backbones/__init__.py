"""A frozen graph in ONNX Runtime: where it runs, what it gives, and how one is added and checked."""
