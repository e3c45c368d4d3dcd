"""One HTML document that holds all that it needs: it opens from disk, runs nothing and asks no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featx.pages.markup import Child, Markup, element, join
from featx.pages.style import STYLE

__all__ = [
    "Page",
    "PageSection",
    "code_block",
    "facts",
    "notes",
    "paragraphs",
    "subsection",
    "tiles",
]

# A browser then runs no script, loads nothing and sends nothing, whatever stands in the page.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_SKELETON = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="featx">
{title}
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def paragraphs(parts: Sequence[Child]) -> Markup:
    """Return texts as paragraphs, between the pieces of markup that stand among them.

    >>> paragraphs(["One & two.", element("br"), None]).html
    '<p>One &amp; two.</p><br>'
    """
    return join(
        element("p", {}, part) if isinstance(part, str) else part for part in parts if part != ""
    )


def subsection(title: str, *parts: Child) -> Markup:
    """Return a heading of the third level and what stands below it; texts are paragraphs.

    >>> subsection("Errors", "None.").html
    '<h3>Errors</h3><p>None.</p>'
    """
    return join([element("h3", {}, title), paragraphs(parts)])


def facts(pairs: Sequence[tuple[str, Child]]) -> Markup:
    """Return names with what they stand for, as a list of terms.

    >>> facts([("task", "regression")]).html
    '<dl class="facts"><dt>task</dt><dd>regression</dd></dl>'
    """
    terms = (join([element("dt", {}, name), element("dd", {}, value)]) for name, value in pairs)
    return element("dl", {"class": "facts"}, *terms)


def tiles(figures: Sequence[tuple[str, str, str]]) -> Markup:
    """Return the main figures, large: the name, the value and a remark of each.

    >>> tiles([("accuracy", "0.9", "of 10")]).html
    '<ul class="tiles"><li><span>accuracy</span><strong>0.9</strong><small>of 10</small></li></ul>'
    """
    items = (
        element(
            "li",
            {},
            element("span", {}, name),
            element("strong", {}, value),
            element("small", {}, remark),
        )
        for name, value, remark in figures
    )
    return element("ul", {"class": "tiles"}, *items)


def notes(texts: Sequence[Child]) -> Markup:
    """Return sentences as a list.

    >>> notes(["One.", "Two."]).html
    '<ul class="notes"><li>One.</li><li>Two.</li></ul>'
    """
    return element("ul", {"class": "notes"}, *(element("li", {}, text) for text in texts))


def code_block(text: str) -> Markup:
    """Return a command, or other text that is typed, as it is.

    >>> code_block("featx predict a.featx b.jpg").html
    '<pre><code>featx predict a.featx b.jpg</code></pre>'
    """
    return element("pre", {}, element("code", {}, text))


@dataclass(frozen=True, slots=True)
class PageSection:
    """A part of a page under a heading of the second level.

    Attributes
    ----------
    title : str
    parts : sequence of str, Markup or None
        A text is a paragraph.
    """

    title: str
    parts: Sequence[Child]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: a title, what it says at once, sections with a list of links to them, and a last line.

    Attributes
    ----------
    title : str
    lead : sequence of str, Markup or None
        What stands below the title; a text is a paragraph.
    sections : sequence of Section
        Those without parts are left out.
    footer : str, default=""

    Examples
    --------
    >>> page = Page("<cats>", ["Two kinds."], [PageSection("Scores", ["Good."])])
    >>> html = page.to_html()
    >>> "<h1>&lt;cats&gt;</h1>" in html, "<script" in html, "http://" in html
    (True, False, False)
    """

    title: str
    lead: Sequence[Child]
    sections: Sequence[PageSection]
    footer: str = ""

    def to_html(self) -> str:
        """Return the whole document; it needs no other file."""
        shown = [section for section in self.sections if any(part for part in section.parts)]
        links = (
            element("li", {}, element("a", {"href": f"#s{number}"}, section.title))
            for number, section in enumerate(shown, 1)
        )
        contents = element("nav", {"aria-label": "Contents"}, element("ul", {}, *links))
        body = [
            element("header", {}, element("h1", {}, self.title), paragraphs(self.lead)),
            contents if len(shown) > 1 else None,
            element("main", {}, *(_section(n, section) for n, section in enumerate(shown, 1))),
            element("footer", {}, element("p", {}, self.footer)) if self.footer else None,
        ]
        return _SKELETON.format(
            policy=_POLICY,
            title=element("title", {}, self.title).html,
            style=STYLE,
            body=join(body).html,
        )


def _section(number: int, section: PageSection) -> Markup:
    heading = element("h2", {"id": f"s{number}"}, section.title)
    inner = join([heading, paragraphs(section.parts)])
    return element("section", {"aria-labelledby": f"s{number}"}, inner)
