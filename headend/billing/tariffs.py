"""The folder of tariff files, read once: tariffs by name, and the bytes that they were read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from analytics.billing.errors import TariffFault
from analytics.billing.tariff import Tariff, parse
from headend.errors import UsageFault
from storage.bills import TariffText


@dataclass(frozen=True, slots=True)
class TariffFile:
    """A checked tariff with its text as it stood in the file."""

    tariff: Tariff
    text: str

    @property
    def kept(self) -> TariffText:
        return TariffText(sha256(self.text.encode()).digest(), self.tariff.name, self.text)


def load_file(path: Path | str) -> TariffFile:
    """Raises `TariffFault`, `OSError`."""
    try:
        text = Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageFault(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    return TariffFile(parse(text, str(path)), text)


@dataclass(frozen=True, slots=True)
class TariffFolder:
    """`faults`: what is wrong with the files that are no tariffs."""

    folder: Path
    files: dict[str, TariffFile] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def named(self, name: str, point: str) -> TariffFile:
        """Raises `UsageFault` saying which point asked, and which files are wrong."""
        if name in self.files:
            return self.files[name]
        known = f"; {'; '.join(self.faults)}" if self.faults else ""
        raise UsageFault(f"no tariff named {name!r} (of point {point}) in {self.folder}{known}")


def load_folder(folder: Path) -> TariffFolder:
    """Raises `UsageFault` where it is no folder, or two files have one name."""
    if not folder.is_dir():
        raise UsageFault(f"{folder} is no folder: put tariff files there, or name another one as billing.tariffs")
    files: dict[str, TariffFile] = {}
    faults = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found = load_file(path)
        except (TariffFault, UsageFault) as error:
            faults.append(str(error))
            continue
        name = found.tariff.name
        if name in files:
            raise UsageFault(f"tariff {name!r} stands in {files[name].tariff.file} and in {path}: which one holds?")
        files[name] = found
    return TariffFolder(folder, files, tuple(faults))
