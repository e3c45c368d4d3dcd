"""Files of a source that are no samples: told from samples by their first bytes, and said by count."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from featx.errors import BadArtifact, FeatxWarning
from featx.sources.sample import Sample
from featx.sources.source import Readable
from featx.storage.blob import Blob, suffix_of

__all__ = ["HEAD", "OtherFiles", "first_bytes", "warn_of_obstacles"]

# How many of its first bytes tell what a file is.
HEAD = 512

# Files that say what they are by their names, and are not looked into.
_TEXTS = frozenset(
    ".txt .md .rst .csv .tsv .json .jsonl .xml .html .htm .yaml .yml .toml .ini .log .py .ipynb .sh".split()
)
_NO_SUFFIX = "without a suffix"
# How many kinds one message names.
_MOST = 6


@dataclass(slots=True)
class OtherFiles:
    """The files that a source leaves out, by kind: a suffix, or what they are instead of a file."""

    counts: Counter[str] = field(default_factory=Counter)
    # The first by name, for the message.
    example: str = ""

    def add(self, name: str, kind: str | None = None) -> None:
        """Count a file of that name; its suffix is its kind, unless a noun is given."""
        self.counts[kind or suffix_of(name.rpartition("/")[2]) or _NO_SUFFIX] += 1
        self.example = min(self.example, name) if self.example else name

    def warn(self, where: str, taken: int) -> None:
        """Warn, in one line, of how many files of which kinds are left out of ``where``."""
        total = self.counts.total()
        if not total:
            return
        kinds = [_in_words(kind, count) for kind, count in self.counts.most_common(_MOST)]
        if rest := total - sum(count for _, count in self.counts.most_common(_MOST)):
            kinds.append(f"{rest:,} of other kinds")
        samples, files = _in_words("sample", taken), _in_words("other file", total)
        text = f"{where}: {samples}; {files} left out: {', '.join(kinds)}"
        warnings.warn(text, FeatxWarning, stacklevel=4)


def warn_of_obstacles(where: str, samples: Sequence[Sample], readable: Readable) -> None:
    """Warn, in one line, of samples in formats that cannot be read here: each will be a reject."""
    counts = Counter(sample.data.suffix for sample in samples)
    obstacles = {suffix: readable.obstacle(suffix) for suffix in sorted(counts)}
    kinds = [f"{counts[suffix]:,} {suffix} ({why})" for suffix, why in obstacles.items() if why]
    if kinds:
        count = sum(counts[suffix] for suffix, why in obstacles.items() if why)
        text = f"{where}: {count:,} of {len(samples):,} samples cannot be read here: {'; '.join(kinds)}"
        warnings.warn(text, FeatxWarning, stacklevel=4)


def first_bytes(blob: Blob) -> bytes:
    """Return the first bytes of a file; b'' where its name says that it is a text, or it cannot be read."""
    if blob.suffix in _TEXTS:
        return b""
    try:
        with blob.open() as file:
            return file.read(HEAD)
    except (OSError, BadArtifact):
        return b""


def _in_words(kind: str, count: int) -> str:
    one = count == 1 or kind == _NO_SUFFIX or kind.startswith(".")
    return f"{count:,} {kind}{'' if one else 's'}"
