"""Samples in, rows out: the engine, its cache, and the settings with which it runs best."""
