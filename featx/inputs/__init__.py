"""Several inputs of one predictor: records, encoders of table columns, joint rows, the scale of each block."""
