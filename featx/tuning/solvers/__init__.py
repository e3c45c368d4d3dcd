"""Solvers of the linear heads over a whole grid of penalties."""
