"""Saved predictors: their metadata, their heads, and the folder or file that holds them."""
