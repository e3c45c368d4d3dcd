"""Model folders, as hubs publish them and programs export them, and what they say of their graphs.

A recipe is the content of a card together with where each entry of it comes from.
"""
