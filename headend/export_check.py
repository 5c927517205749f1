"""Files for billing systems held against their format, and batches against their manifest. Files only."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import BinaryIO

from analytics.billing.exports.formats import CHECKS, told
from analytics.billing.exports.manifest import NAME
from analytics.billing.exports.verify import batch
from analytics.billing.exports.verify.found import Found
from headend.errors import UsageFault


def check(path: Path, form: str | None = None) -> tuple[str, Found]:
    """What was checked (``batch``, or the format), and what was found. A folder with a manifest or the manifest itself
    is a batch, any other file is of `form` or of what it looks like. Raises `UsageFault` where there is nothing."""
    manifest = path / NAME if path.is_dir() else path
    try:
        if manifest.suffix == ".json":
            return "batch", batch.check(manifest.read_bytes(), partial(_opened, manifest.parent))
        with manifest.open("rb") as file:
            name = form or told(file.read(16))
            file.seek(0)
            return name, CHECKS[name](file)
    except OSError as error:
        raise UsageFault(f"{manifest}: {error.strerror or error}") from error


def _opened(folder: Path, name: str) -> BinaryIO:
    return (folder / name).open("rb")
