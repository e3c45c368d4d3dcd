"""Several inputs of one predictor: records, encoders of table columns, joint rows and the scale of each block."""
