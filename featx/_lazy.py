"""Names of a package that are loaded from their modules when first used, so that a start is quick."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_attributes", "load_named"]


def lazy_attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that finds each name of ``homes`` in the module given for it.

    >>> lazy_attributes("featx", {"cache_dir": "featx.storage.dirs"})("cache_dir").__name__
    'cache_dir'
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return find


def load_named(path: str) -> Any:
    """Return what "module:name" names; the module is imported now.

    >>> load_named("featx.storage.dirs:cache_dir").__name__
    'cache_dir'
    """
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
