"""What ``benchmarks/speed.py`` is made of: contenders, their environments, the photos, the arithmetic."""
