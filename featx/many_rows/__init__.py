"""Heads on more rows than fit in memory: rows on disk to a predictor and its report.

Sums over the rows, or a solver that reads them again and again, take the place of the rows themselves. A part
that is drawn at random stays in memory: the rows by which penalties are chosen, and those on which the head is
measured.
"""
