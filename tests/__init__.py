"""Tests of featx, by its packages; what they share is in ``tests.support``."""

import os

# Before NumPy is imported: threads that wait for each other keep cores from the other processes of the suite.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
