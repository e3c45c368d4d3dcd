"""Pages as a browser would take them apart: what they may hold, and what makes them accessible."""

import itertools
import re
from html.parser import HTMLParser

VOID = {"br", "img", "meta"}
ACTIVE = {
    "script",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "link",
    "base",
    "foreignObject",
}

# Texts that would run, or leave their place, where they are not escaped.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></svg></textarea><script>alert(1)</script>",
    "javascript:alert(1)",
    "<!--",
    "]]><![CDATA[",
    "&lt;script&gt; &amp;#60;",
    "</td></tr></table>",
    "{title} {0} %s ${x}",
    "\u202ereversed",
    "nul \x00 bell \x07 half \ud800",
    "`backtick` \\",
)


class Parsed(HTMLParser):
    """The elements of a page, with their attributes and texts; fails where they are not nested."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._open = [], [], []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    def all_of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return "".join(self.texts)


def assert_inert(html):
    """A page, or a piece of one, runs nothing and loads nothing."""
    parsed = Parsed(html)
    for tag, attributes in parsed.elements:
        assert tag not in ACTIVE, tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name in ("content", "alt", "title", "aria-label") or "javascript:" not in (
                value or ""
            )
            if name == "src":
                assert re.match(r"data:(image|audio)/\w+;base64,", value)
            if name == "href":
                assert value.startswith("#")
    return parsed


def assert_page(html):
    """A whole page is inert, needs no network, and has what readers of screens need."""
    html.encode("utf-8")
    parsed = assert_inert(html)
    style = re.search(r"<style>(.*?)</style>", html, re.S).group(1)
    assert "url(" not in style
    assert "@import" not in style
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in parsed.all_of("a"):
        assert attributes["href"][1:] in ids
    for _, attributes in parsed.elements:
        assert attributes.get("aria-labelledby", ids[0] if ids else None) in (*ids, None)
    assert all("alt" in attributes for attributes in parsed.all_of("img"))
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in parsed.all_of("svg"))
    assert all(attributes.get("aria-label") for attributes in parsed.all_of("audio"))
    assert all("scope" in attributes for attributes in parsed.all_of("th"))
    assert parsed.all_of("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    return parsed
