"""Put the exercises into a wheel as an archive: what a solution looks like is not met by looking around."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER, ARCHIVE = Path("src/regard/lessons/exercises"), "regard/lessons/exercises.zip"
WHEN = (2020, 1, 1, 0, 0, 0)
"""Of all files in the archive, so that the same sources give the same bytes."""


class PackExercises(BuildHookInterface[Any]):
    """Python imports from the archive as from a folder: ``regard.lessons`` names it in its ``__path__``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the archive, unless sources are only linked."""
        if version == "editable":
            return
        self._kept = tempfile.TemporaryDirectory()
        archive = Path(self._kept.name) / "exercises.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for source in sorted((Path(self.root) / FOLDER).glob("*.py")):
                file.writestr(zipfile.ZipInfo(f"{FOLDER.name}/{source.name}", WHEN), source.read_bytes(), zipfile.ZIP_DEFLATED)
        build_data["force_include"][str(archive)] = ARCHIVE

    def finalize(self, version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """The wheel has its copy."""
        if version != "editable":
            self._kept.cleanup()
