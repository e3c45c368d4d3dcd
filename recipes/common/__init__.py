"""What several recipes need: subcommands, source lists, ONNX graphs, sessions, heads, comparisons."""
