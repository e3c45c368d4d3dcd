"""Pictures, texts and sounds in a page, and cards that show several of them."""

from __future__ import annotations

from collections.abc import Sequence

from featx.pages.markup import Child, Markup, data_uri, element, join, shorten_text

__all__ = ["cards", "picture", "player", "quotation"]

# Characters of a text that is shown whole.
_LONGEST = 600


def picture(content: bytes, alt: str, kind: str = "image/jpeg") -> Markup:
    """Return a picture; its bytes go into the page.

    Parameters
    ----------
    content : bytes
    alt : str
        What stands for it where it cannot be seen.
    kind : {"image/jpeg", "image/png"}, default="image/jpeg"

    Examples
    --------
    >>> picture(b"", "a <cat>").html
    '<img src="data:image/jpeg;base64," alt="a &lt;cat&gt;">'
    """
    return element("img", {"src": data_uri(content, kind), "alt": alt})


def player(content: bytes, label: str, kind: str = "audio/wav") -> Markup:
    """Return a player of a sound; its bytes go into the page.

    Parameters
    ----------
    label : str
        What it plays, for those who cannot see where it stands.
    kind : {"audio/wav", "audio/mpeg", "audio/ogg"}, default="audio/wav"

    Examples
    --------
    >>> player(b"", "a.wav").html
    '<audio controls="" preload="none" aria-label="a.wav" src="data:audio/wav;base64,"></audio>'
    """
    source = data_uri(content, kind)
    return element("audio", {"controls": "", "preload": "none", "aria-label": label, "src": source})


def quotation(text: str, most: int = _LONGEST) -> Markup:
    """Return a text as it is written; of a long one how it begins, and how much is left out.

    >>> quotation("a < b").html
    '<blockquote dir="auto">a &lt; b</blockquote>'
    """
    return element("blockquote", {"dir": "auto"}, shorten_text(text, most))


def cards(items: Sequence[Sequence[Child]], kind: str = "pictures") -> Markup:
    """Return cards side by side, each of a medium and of lines of text.

    Parameters
    ----------
    items : sequence of sequences of str, Markup or None
        A text is a line of its own.
    kind : {"pictures", "texts", "sounds"}, default="pictures"
        How wide the cards are.

    Examples
    --------
    >>> cards([["one", None]]).html
    '<ul class="cards pictures"><li><p>one</p></li></ul>'
    """
    return element(
        "ul",
        {"class": f"cards {kind}"},
        *(
            element(
                "li",
                {},
                join(element("p", {}, part) if isinstance(part, str) else part for part in item),
            )
            for item in items
        ),
    )
