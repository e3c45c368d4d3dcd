"""Licences of models: what a repository says of itself, and which of them are free for any use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

__all__ = ["Licence", "read_licence"]

# By SPDX's names: licences that allow every use, passing on and changes, whatever they ask for in return. What
# restricts who may use a model or for what, as the OpenRAIL family does, is none of them.
_FREE = """
0BSD AFL-3.0 AGPL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause
BSD-3-Clause-Clear BSL-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0
CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 GPL-2.0
GPL-2.0-only GPL-2.0-or-later GPL-3.0 GPL-3.0-only GPL-3.0-or-later ISC LGPL-2.1 LGPL-3.0 LGPL-3.0-only
LPPL-1.3c MIT MIT-0 MPL-2.0 MS-PL NCSA ODbL-1.0 ODC-By-1.0 OFL-1.1 OSL-3.0 PDDL-1.0 PostgreSQL UPL-1.0 Unlicense
WTFPL Zlib
""".split()
_BY_NAME = {name.casefold(): name for name in _FREE} | {
    # as hubs write them
    "bsd": "BSD-3-Clause",
    "gpl": "GPL",
    "lgpl": "LGPL",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "pddl": "PDDL-1.0",
}
_TAG = "license:"
# Characters of a name, names of one model, and lines at the head of a README.
_LONGEST = 120
_MOST_NAMES = 20
_MOST_LINES = 2000
_LINE = re.compile(r"(license|license_name|license_link)\s*:\s*(.*)")
_ITEM = re.compile(r"\s*-\s+(.*)")


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence of a model, as its repository states it.

    Attributes
    ----------
    names : tuple of str
        By SPDX's names where they have one; empty where it says nothing.
    link : str
        Where its text is, if the repository says so.
    origin : str
        Where it says so.
    """

    names: tuple[str, ...]
    link: str = ""
    origin: str = ""

    @property
    def label(self) -> str:
        """The names as one text; "unknown" without any.

        >>> Licence(("MIT", "Apache-2.0")).label, Licence(()).label
        ('MIT and Apache-2.0', 'unknown')
        """
        return " and ".join(self.names) or "unknown"

    @property
    def is_free(self) -> bool:
        """Tell whether all of its names are of licences that allow every use; one that is unknown is not.

        >>> [Licence(names).is_free for names in (("Apache-2.0",), ("Apache-2.0", "other"), ())]
        [True, False, False]
        """
        return bool(self.names) and all(name.casefold() in _BY_NAME for name in self.names)


def read_licence(card: Any, tags: Any, readme: bytes | None) -> Licence:
    """Return the licence that a repository states: in its card's data, its tags, or the head of its README.

    Where data and tags state different ones, both are given.

    Parameters
    ----------
    card, tags : object
        As a hub's interface gives them: a table and a list of texts, or anything else.
    readme : bytes or None
        README.md, which is looked at where the others say nothing.

    Examples
    --------
    >>> read_licence({"license": "apache-2.0"}, ["license:apache-2.0"], None)
    Licence(names=('Apache-2.0',), link='', origin='cardData and tags')
    >>> read_licence({"license": "other", "license_name": "dinov3-license"}, [], None).names
    ('dinov3-license',)
    >>> read_licence({}, [], b"---\\nlicense: mit\\n---\\n# A model").label
    'MIT'
    """
    table = card if isinstance(card, Mapping) else {}
    named = _names(table)
    tagged = _plain(tag[len(_TAG) :] for tag in _texts(tags) if tag.startswith(_TAG))
    # a name that only the card's data has stands behind the tag "other"
    tagged = [name for name in tagged if name != "other" or not named]
    origins = [origin for origin, found in (("cardData", named), ("tags", tagged)) if found]
    origin = " and ".join(origins)
    if not origins and readme is not None:
        table = _front_matter(readme)
        named, origin = _names(table), "README.md"
    names = tuple(dict.fromkeys([*named, *tagged]))
    [link] = _plain([str(table.get("license_link") or "")]) or [""]
    return Licence(names, link, origin if names else "")


def _names(table: Mapping[str, Any]) -> list[str]:
    stated = _plain(_texts(table.get("license")))
    own = _plain(_texts(table.get("license_name")))
    return [name for name in stated if name != "other" or not own] + own if stated else own


def _texts(value: Any) -> list[str]:
    """Return a text, or the texts of a list."""
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def _plain(names: Iterable[str]) -> list[str]:
    """Return names as one line each, by SPDX's spelling where they have one."""
    lines = (" ".join(name.split())[:_LONGEST] for name in islice(names, _MOST_NAMES))
    printable = ("".join(sign if sign.isprintable() else "?" for sign in line) for line in lines)
    return [_BY_NAME.get(name.casefold(), name) for name in printable if name]


def _front_matter(readme: bytes) -> dict[str, Any]:
    """Return the entries about the licence at the head of a README; of YAML it reads no more than those."""
    text = readme.decode("utf-8", "replace").removeprefix("\ufeff")
    table: dict[str, Any] = {}
    key = ""
    for line in islice(_head(text), _MOST_LINES):
        if found := _LINE.fullmatch(line):
            key = found[1]
            value = _unquoted(found[2])
            if value:
                table[key] = _listed(value)
        elif (item := _ITEM.fullmatch(line)) and key:
            values = table.setdefault(key, [])
            if isinstance(values, list) and len(values) < _MOST_NAMES:
                values.append(_unquoted(item[1]))
        elif line[:1].strip():
            key = ""
    return table


def _head(text: str) -> Iterator[str]:
    lines = iter(text.splitlines())
    if next(lines, "").rstrip() != "---":
        return
    for line in lines:
        if line.rstrip() == "---":
            return
        yield line.rstrip()


def _listed(value: str) -> str | list[str]:
    if value.startswith("[") and value.endswith("]"):
        return [_unquoted(part) for part in value[1:-1].split(",")]
    return value


def _unquoted(value: str) -> str:
    value = value.partition(" #")[0].strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
