"""One page on a predictor: what it is, how good it is and where, its errors and how to make it again."""
