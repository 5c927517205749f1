"""Structured logs, one event a line: to stderr, or to a file that may be rotated under us."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any, Final, TextIO

import structlog

from headend.errors import UsageFault

FORMATS: Final = ("auto", "text", "json")
"""`auto` is text for a terminal, and JSON for everything else."""


class WatchedFile:
    """A log file: when it was moved away or removed, the next line goes into a new one under the old name.

    What cannot be written there (its disk is full) goes to stderr: collecting does not stop for a log.
    """

    def __init__(self, path: Path) -> None:
        """Raises `UsageFault`."""
        self._path = path
        self._file: int | None = None
        self._which: tuple[int, int] | None = None
        try:
            self._opened()
        except OSError as error:
            raise UsageFault(f"daemon.log_file: {path}: {error.strerror}") from error

    def _opened(self) -> int:
        """The file that has the name now; inode and device tell whether it is still ours."""
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            there = None
        if self._file is None or there is None or (there.st_dev, there.st_ino) != self._which:
            self.close()
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            made = os.fstat(self._file)
            self._which = (made.st_dev, made.st_ino)
        return self._file

    def write(self, text: str) -> int:
        try:
            os.write(self._opened(), text.encode(errors="backslashreplace"))
        except OSError as error:
            sys.stderr.write(f"{text.rstrip()} (not in the log file: {error.strerror})\n")
        return len(text)

    def close(self) -> None:
        """The next line opens it again."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __del__(self) -> None:
        self.close()

    def flush(self) -> None:
        """Every line is flushed as it is written."""

    def isatty(self) -> bool:
        return False


def set_up(level: str = "info", form: str = "auto", path: Path | None = None) -> None:
    """`level` is debug, info, warning or error; it holds for our own events and for the libraries' alike.

    `form` is one of `FORMATS`; `path` None: stderr. Raises `UsageFault` where the file cannot be opened.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    file: Any = sys.stderr if path is None else WatchedFile(path)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    person = _for_a_person(form, file)
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=file.isatty(), timestamp_key="time")
        if person
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer] if not person else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=file),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(file)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))  # libraries speak only of trouble
    logging.captureWarnings(capture=True)


def _for_a_person(form: str, file: TextIO | WatchedFile) -> bool:
    return form == "text" or (form == "auto" and file.isatty())
