"""Markup that is safe by construction: a text is escaped wherever it stands, and nothing can name a script."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

__all__ = ["Child", "Markup", "data_uri", "element", "join", "shorten_text"]

# Elements that have no content and no end tag.
_VOID = ("br", "img", "meta")
# Elements that a page may hold: none of them runs, embeds or sends anything.
_TAGS = frozenset(
    "article aside audio bdi blockquote br caption circle code dd details div dl dt em figcaption figure g "
    "h1 h2 h3 h4 header footer img line li main mark nav ol p path polygon polyline pre rect section small "
    "span strong summary svg table tbody td text th thead title tr tspan ul a".split()
)
_ATTRIBUTE = re.compile(r"[a-z][a-zA-Z0-9-]*")
_LINK = re.compile(r"#[a-z0-9-]+")
_DATA = re.compile(r"data:(image/(jpeg|png)|audio/(mpeg|wav|ogg));base64,[A-Za-z0-9+/=]*")
_KINDS = ("image/jpeg", "image/png", "audio/mpeg", "audio/wav", "audio/ogg")
# Characters that HTML forbids, and those that would turn the direction of what follows them.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)


@dataclass(frozen=True, slots=True)
class Markup:
    """A piece of HTML that was escaped where it had to be; only ``element`` and ``join`` make it.

    Attributes
    ----------
    html : str

    Examples
    --------
    >>> element("p", {}, "1 < 2").html
    '<p>1 &lt; 2</p>'
    """

    html: str


Child = str | Markup | None


def _clean(text: str) -> str:
    r"""Return a text with what HTML forbids written out, as in ``\x00`` or ``\ud800``."""
    return _FORBIDDEN.sub(lambda match: ascii(match[0])[1:-1], text)


def _inner(child: Child) -> str:
    if child is None:
        return ""
    return child.html if isinstance(child, Markup) else escape(_clean(str(child)), quote=False)


def _attribute(name: str, value: str | float) -> str:
    text = _clean(str(value))
    if not _ATTRIBUTE.fullmatch(name) or name.startswith("on") or name == "srcdoc":
        raise ValueError(f"attribute {name!r}: expected the name of one that runs nothing")
    if name == "href" and not _LINK.fullmatch(text):
        raise ValueError(f"href = {text[:60]!r}: expected a place in the page, #name")
    if name == "src" and not _DATA.fullmatch(text):
        raise ValueError("src: expected data of a picture or a sound; see data_uri")
    return f' {name}="{escape(text)}"'


def element(
    tag: str, attributes: Mapping[str, str | float | None] | None = None, *children: Child
) -> Markup:
    """Return an element; texts among its children and in its attributes are escaped.

    Parameters
    ----------
    tag : str
        One of the elements that a page may hold, which excludes scripts, styles and frames.
    attributes : mapping of str to str, number or None, default=None
        By name; those that are None are left out. ``href`` is a place in the page, ``src`` is data.
    children : str, Markup or None

    Raises
    ------
    ValueError
        The element or the attribute could run something or reach the network.

    Examples
    --------
    >>> element("td", {"class": "n", "title": None}, "<b>", element("br")).html
    '<td class="n">&lt;b&gt;<br></td>'
    >>> element("script", {}, "alert(1)")
    Traceback (most recent call last):
    ValueError: element 'script': expected one that runs nothing
    """
    if tag not in _TAGS:
        raise ValueError(f"element {tag!r}: expected one that runs nothing")
    given = (attributes or {}).items()
    opening = tag + "".join(_attribute(name, value) for name, value in given if value is not None)
    if tag in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{''.join(map(_inner, children))}</{tag}>")


def join(children: Iterable[Child]) -> Markup:
    """Return several pieces as one, texts among them escaped.

    >>> join(["a & b", element("br")]).html
    'a &amp; b<br>'
    """
    return Markup("".join(map(_inner, children)))


def data_uri(content: bytes, kind: str) -> str:
    """Return the bytes of a picture or a sound as an address that holds them.

    Parameters
    ----------
    content : bytes
    kind : {"image/jpeg", "image/png", "audio/mpeg", "audio/wav", "audio/ogg"}

    Raises
    ------
    ValueError
        The kind is another one: one that could run something, such as SVG.

    Examples
    --------
    >>> data_uri(b"abc", "image/png")
    'data:image/png;base64,YWJj'
    """
    if kind not in _KINDS:
        raise ValueError(f"kind {kind!r}: expected one of {', '.join(_KINDS)}")
    return f"data:{kind};base64,{b64encode(content).decode()}"


def shorten_text(text: str, most: int) -> str:
    """Return a text, or how it begins and how many characters are left out.

    >>> shorten_text("abcdefgh", 3), shorten_text("abc", 3)
    ('abc… (5 more characters)', 'abc')
    """
    left = len(text) - most
    return text if left <= 0 else f"{text[:most]}… ({left:,} more characters)"
