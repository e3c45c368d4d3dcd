"""Texts: what a card says of them, how they are tokenized, and the baseline of hashed words."""
