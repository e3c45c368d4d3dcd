"""Numbers in, numbers out: how good predictions are, with intervals."""
