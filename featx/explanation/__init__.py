"""Explanations: what of a sample speaks for an answer, and what against it."""
