"""Several inputs of one predictor: which columns of a table it reads, and how each becomes columns of a row."""
