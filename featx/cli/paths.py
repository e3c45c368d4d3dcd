"""Types of arguments that are a path of this machine, or an address such as ``s3://bucket/rows.parquet``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["LocalPath", "PathOrAddress", "PredictorPath"]


class PathOrAddress(click.ParamType["AnyPath"]):
    """A path, or an address that is read or written as one."""

    name = "path"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> AnyPath:
        """Return the path, or the address that a text is."""
        from featx.storage.address import to_path

        return to_path(value)


class LocalPath(click.ParamType[Path]):
    """A path of this machine; an address is refused."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        from featx.storage.address import is_remote

        if is_remote(value):
            self.fail(f"{value!r:.200} is an address; expected a path of this machine", param, ctx)
        return Path(value)


class PredictorPath(click.ParamType[Path]):
    """The path of a saved predictor; one at an address is copied to this machine."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path, or that of the copy."""
        if "://" not in str(value):
            return Path(value)
        from featx.storage.address import to_path
        from featx.storage.remote_output import local_container

        return local_container(to_path(value))
