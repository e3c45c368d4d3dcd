"""Public repositories that training material comes from."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Repository", "print_repositories"]


@dataclass(frozen=True)
class Repository:
    """A repository as owner/name, the commit that was read, and the terms that it states."""

    name: str
    commit: str
    terms: str

    def fields(self) -> tuple[str, ...]:
        """Return what is printed of it, column by column."""
        return self.name, self.commit, self.terms


def print_repositories(repositories: Iterable[Repository]) -> None:
    """Print one line a repository, its fields separated by tabs."""
    for repository in repositories:
        print(*repository.fields(), sep="\t")
