"""Twenty short texts that no useful backbone takes for one another."""

from __future__ import annotations

from featx.modalities.text.settings import TextSettings

__all__ = ["choose_texts"]

_TEXTS = (
    "The soup was cold and the waiter was rude.",
    "A lovely meal, friendly staff, and a fair price.",
    "How do I reset my password?",
    "The plane was three hours late, and nobody told us why.",
    "Rain in the morning, sunshine in the afternoon.",
    "She scored twice in the second half of the final.",
    "The court found the company liable for the damage.",
    "Take two tablets a day after meals.",
    "Shares fell by four percent after the report.",
    "Water boils at one hundred degrees at sea level.",
    "def add(a, b): return a + b",
    "Once upon a time a fox lived in the dark wood.",
    "Please send the invoice to our office in Berlin.",
    "The piano concerto was written in 1786.",
    "Whales are mammals, not fish.",
    "No.",
    "He has been promoted to head of the department, which surprised those who had known him longest.",
    "12 + 30 = 42",
    "Turn left at the church and follow the river.",
    "I have never been so happy in my life!",
)


def choose_texts(settings: TextSettings) -> tuple[str, ...]:
    """Return sentences on different matters, and of different lengths, whatever the card says."""
    return _TEXTS
