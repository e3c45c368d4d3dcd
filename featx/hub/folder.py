"""A model folder: the configuration files that a hub's libraries write, read within bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featx.errors import BadModelFolder, FeatxError
from featx.storage.json_text import parse_json_text

__all__ = ["ModelFolder"]

# Bytes of a configuration file; the largest that is published has some hundred thousand.
_LARGEST = 1 << 24
# Files and folders that are looked at.
_MOST_NAMES = 10_000


class ModelFolder:
    """A folder with a graph and the configuration files of the library that made the model.

    Parameters
    ----------
    path : path
        A folder on disk. Links that lead out of it are not followed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "config.json").write_text('{"model_type": "vit"}')
    ...     ModelFolder(folder).table("config.json")
    {'model_type': 'vit'}
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def names(self) -> list[str]:
        """Return the names of its files, with "/" between folders, sorted.

        Raises
        ------
        BadModelFolder
            It is no folder, or holds more files than any model has.
        """
        if not self.path.is_dir():
            raise BadModelFolder(f"{self.path}: expected a folder with an ONNX graph")
        names = []
        for count, file in enumerate(self.path.rglob("*")):
            if count >= _MOST_NAMES:
                raise BadModelFolder(
                    f"{self.path}: holds more than {_MOST_NAMES:,} files; expected the folder of one model"
                )
            if file.is_file() and ".git" not in file.parts:
                names.append(file.relative_to(self.path).as_posix())
        return sorted(names)

    def __contains__(self, name: str) -> bool:
        return _is_file(self.path / name)

    def table(self, name: str) -> Mapping[str, Any] | None:
        """Return the content of a JSON file, or None where there is no such file.

        Raises
        ------
        BadModelFolder
            It is not JSON, is larger than a configuration, or holds no table.
        """
        value = self.json(name)
        if value is not None and not isinstance(value, dict):
            raise BadModelFolder(
                f"{self.path / name}: expected a table, found {json.dumps(value):.60}"
            )
        return value

    def json(self, name: str) -> Any:
        """Return the value of a JSON file, or None where there is no such file.

        Raises
        ------
        BadModelFolder
            It is not JSON, or larger than a configuration.
        """
        path = self.path / name
        if not _is_file(path):
            return None
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
            return parse_json_text(data, str(path), limit=_LARGEST)
        except OSError as error:
            raise BadModelFolder(f"{path}: cannot be read: {error.strerror}") from error
        except FeatxError as error:
            raise BadModelFolder(str(error)) from error


def _is_file(path: Path) -> bool:
    """Return whether there is a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
