"""How each shipped backbone was made: one package a backbone, and what they share in ``common``.

    python -m recipes.audio_mel  --help     built from formulas; nothing is learned
    python -m recipes.text_nano  --help     distilled from all-MiniLM-L6-v2
    python -m recipes.image_nano --help     distilled from ViT-Tiny and MobileNetV2

Run them from the checkout: they are no part of the installed package. ``models/`` holds what they made.
"""
