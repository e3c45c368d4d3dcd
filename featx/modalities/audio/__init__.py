"""Sounds: what a card says of them, how bytes are decoded, and the baseline of mel bands."""
