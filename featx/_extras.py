"""Optional libraries: imported where they are used, and missed by the name of their extra."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from featx.errors import MissingExtra

__all__ = ["require"]


def require(module: str, *, extra: str | None = None) -> ModuleType:
    """Import ``module``, which the extra of that name brings; None: its own distribution does.

    Raises
    ------
    MissingExtra
        The library is not installed; the message is the command that installs it. A library that is
        installed and fails to import raises what it raises.
    """
    package = module.partition(".")[0]
    try:
        import_module(package)
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        wanted = f"'featx[{extra}]'" if extra else package
        raise MissingExtra(f"{package} is not installed; run: pip install {wanted}") from None
