"""A meter's event journal in plain tables, asked without a line: every answer is stated by the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from protocols.dlt645.events import LOGS, EventLog, LogMark, LogReading, read_logs
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item
from protocols.errors import CommunicationError, NoAnswer

ADDRESS = "000000000001"
POWER = next(log for log in LOGS["2007"] if log.kind.code == "power_down")


class Journal:
    """`count` and `records` (start, end), the latest first; `asked` is every identifier that was asked for."""

    def __init__(self, *records: tuple[str, str | None], count: int | None = None) -> None:
        self.records = list(records)
        self.count = len(self.records) if count is None else count
        self.asked: list[str] = []
        self.answers: dict[str, bytes | int | CommunicationError] = {}
        """By identifier, in place of what the journal would say: data, the error byte of a refusal, or silence."""
        self.after: Callable[[int], None] = lambda _: None
        """Called behind each answer of a conversation with its number, from 1."""

    def happen(self, start: str, end: str | None = None) -> None:
        self.records.insert(0, (start, end))
        del self.records[10:]
        self.count += 1

    def answer(self, code: str) -> bytes | int | CommunicationError:
        if code in self.answers:
            return self.answers[code]
        number = int(code[6:], 16)
        if number == 0:
            return item(code).encode([self.count % 1_000_000])
        if number > len(self.records):
            return bytes(item(code).longest)
        start, end = self.records[number - 1]
        return item(code).encode([start, end if end is not None else "000000000000"])


def run(journal: Journal, marks: Mapping[str, LogMark], logs: Sequence[EventLog] = (POWER,)) -> list[LogReading]:
    """The whole conversation. Raises what it raises."""
    exchange = read_logs(ADDRESS, logs, marks)
    ask = next(exchange)
    try:
        while True:
            (request,) = (Frame(ask.data.lstrip(b"\xfe")),)
            code = request.data[:4][::-1].hex().upper()
            journal.asked.append(code)
            given = journal.answer(code)
            if isinstance(given, CommunicationError):
                ask = exchange.throw(given)
                continue
            if isinstance(given, int):
                reply = Frame(encode(request.address, 0xD1, bytes((given,)), b""))
            else:
                reply = Frame(encode(request.address, 0x91, request.data[:4] + given, b""))
            assert ask.answers(reply)
            journal.after(len(journal.asked))
            ask = exchange.send(reply)
    except StopIteration as done:
        readings: list[LogReading] = done.value
        return readings


def silence() -> CommunicationError:
    return NoAnswer("silence")


def once(journal: Journal, mark: LogMark | None = None) -> LogReading:
    """One reading of the power-down log; what was asked before is forgotten."""
    journal.asked.clear()
    (reading,) = run(journal, {} if mark is None else {POWER.kind.code: mark})
    return reading
