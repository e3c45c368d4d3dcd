"""Results in words and tables, for terminals and notebooks."""
