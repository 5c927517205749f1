"""A batch of messages sorted into captures for the database and letters for the dead."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import structlog

from headend.ingest.held import Held
from headend.ingest.meters import UNKNOWN, LookUp
from headend.ingest.news import events_in, says_event
from headend.ingest.settings import PushTable
from protocols.errors import ProtocolError
from protocols.events import MeterEvent
from protocols.model import POSITIONS, Source
from protocols.push.arrivals import Arrivals, Message, PayloadDecoder, Reject
from protocols.push.topic import TopicTemplate
from storage.columns import CaptureColumns, from_us, pack
from storage.dead_letters import LetterState, NewLetter

_log = structlog.get_logger("ingest")

UNEXPECTED_TOPIC = "unexpected_topic"
REFUSED = "refused_by_database"
NOTHING = "nothing_to_store"
DECODER_FAILED = "decoder_failed"
BAD_EVENT = "bad_event"
_MOST_DETAIL = 1_000
_MOST_METERS = 100
"""Keys remembered of one message."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """`message`: of which message of the batch each capture is."""

    batch: Sequence[Held]
    columns: CaptureColumns
    message: npt.NDArray[np.intp]
    letters: Mapping[int, NewLetter]
    """By message."""
    events: Sequence[MeterEvent] = field(default=())


class Sorter:
    """What one source's messages hold. `table` says how they are to be read and what of unknown meters; `zone` is that
    of events that state none. A message that says an event holds no readings."""

    def __init__(self, table: PushTable, decoder: PayloadDecoder, look_up: LookUp, zone: ZoneInfo) -> None:
        self._table = table
        self._zone = zone
        self._template: TopicTemplate = table.template
        self._decoder = decoder
        self._look_up = look_up

    async def sort(self, batch: Sequence[Held]) -> Sorted:
        """Raises `StorageError` where the registry cannot be asked."""
        fields = [self._template.match(held.topic) for held in batch]
        rejects = [
            Reject(number, UNEXPECTED_TOPIC, f"not of the form {self._table.topic}")
            for number, told in enumerate(fields)
            if told is None
        ]
        news = {
            number
            for number, (held, told) in enumerate(zip(batch, fields, strict=True))
            if told is not None and says_event(held.payload)
        }
        messages = [
            Message(
                told or {},
                held.payload if told is not None and number not in news else b"",
                held.received_us,
                held.repeated,
            )
            for number, (held, told) in enumerate(zip(batch, fields, strict=True))
        ]
        arrivals = self._decoded(messages)
        strange = {reject.message for reject in rejects} | news
        rejects += [reject for reject in arrivals.rejects if reject.message not in strange]
        ids = await self._look_up(arrivals.keys)
        numbers = np.array([found if isinstance(found, int) else -1 for found in ids], dtype=np.int64)
        whose = numbers[arrivals.key] if len(numbers) else np.zeros(0, np.int64)
        known = whose >= 0
        unknown: dict[int, list[str]] = {}
        if not known.all():
            pairs = np.unique(np.column_stack((arrivals.message, arrivals.key))[~known], axis=0)
            for number, key in pairs.tolist():
                reason = ids[key]
                assert isinstance(reason, str)
                rejects.append(Reject(number, reason, str(arrivals.keys[key])))
                if reason == UNKNOWN:
                    unknown.setdefault(number, []).append(str(arrivals.keys[key]))
        events: list[MeterEvent] = []
        for number in sorted(news):
            try:
                found, lacking = await events_in(batch[number], fields[number] or {}, self._zone, self._look_up)
            except ProtocolError as error:
                rejects.append(Reject(number, BAD_EVENT, str(error)))
                continue
            events += found
            rejects += [Reject(number, reason, str(key)) for key, reason in lacking]
            strangers = [str(key) for key, reason in lacking if reason == UNKNOWN]
            if strangers:
                unknown.setdefault(number, []).extend(strangers)
        spoken = np.bincount(arrivals.message, minlength=len(batch)).astype(np.bool_)
        spoken[[reject.message for reject in rejects]] = True
        spoken[sorted(news)] = True
        rejects += [Reject(int(number), NOTHING, "no reading in it") for number in np.flatnonzero(~spoken)]
        return Sorted(
            batch,
            _columns(arrivals, whose, known, np.array([held.received_us for held in batch], dtype=np.int64)),
            arrivals.message[known],
            self.letters(batch, rejects, unknown),
            events,
        )

    def letters(
        self, batch: Sequence[Held], rejects: Sequence[Reject], unknown: Mapping[int, Sequence[str]]
    ) -> dict[int, NewLetter]:
        """One a message, whatever was wrong with it; the first reason stands for all."""
        found: dict[int, list[Reject]] = {}
        for reject in rejects:
            found.setdefault(reject.message, []).append(reject)
        return {number: self._letter(batch[number], why, unknown.get(number, ())) for number, why in found.items()}

    def _letter(self, held: Held, rejects: Sequence[Reject], unknown: Sequence[str]) -> NewLetter:
        table = self._table
        waits = table.unknown == "quarantine" and all(reject.reason == UNKNOWN for reject in rejects)
        details = dict.fromkeys(
            reject.detail if reject.reason == rejects[0].reason else f"{reject.reason}: {reject.detail}"
            for reject in rejects
        )
        text = "; ".join(details)
        return NewLetter(
            digest=self._digest(held),
            push=table.name,
            topic=held.topic,
            fields=self._template.match(held.topic) or {},
            payload=held.payload,
            repeated=held.repeated,
            reason=str(rejects[0].reason),
            detail=text if len(text) <= _MOST_DETAIL else text[:_MOST_DETAIL] + "...",
            meters=tuple(unknown[:_MOST_METERS]),
            state=LetterState.QUARANTINED if waits else LetterState.DEAD,
            received=from_us(held.received_us),
        )

    def _digest(self, held: Held) -> bytes:
        """The same for a message that comes again; where the time of arrival is the reading's, another in each slot."""
        digest = hashlib.blake2b(digest_size=16)
        slot = ""
        if self._table.time == "received":
            slot = "repeated" if held.repeated else str(held.received_us // self._table.slot_us)
        for part in (self._table.name, held.topic, slot):
            digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(held.payload)
        return digest.digest()

    def _decoded(self, messages: Sequence[Message]) -> Arrivals:
        """A decoder raises nothing; if one of them does all the same, the message that it fails at is set aside:
        else it would come again and again and stop everybody."""
        try:
            return self._decoder.decode(messages)
        except Exception as error:  # noqa: BLE001 - a fault of ours costs one message
            if len(messages) > 1:
                raise_at = len(messages) // 2
                parts = self._decoded(messages[:raise_at]), self._decoded(messages[raise_at:])
                return _joined(*parts, raise_at)
            _log.exception("the decoder failed", push=self._table.name, payload=messages[0].payload[:64].hex())
            return _nothing(Reject(0, DECODER_FAILED, f"{type(error).__name__}: {error}"))


def _columns(
    arrivals: Arrivals, whose: npt.NDArray[np.int64], known: npt.NDArray[np.bool_], received: npt.NDArray[np.int64]
) -> CaptureColumns:
    columns = CaptureColumns(
        meter_id=whose.astype(np.int32),
        layout=arrivals.layout.astype(np.int16, copy=False),
        source=np.full(len(arrivals), Source.PUSH, dtype=np.int16),
        time_us=arrivals.time_us,
        received_us=received[arrivals.message],
        values=arrivals.values,
        present=arrivals.present,
        quality=pack(arrivals.quality),
    )
    return columns if known.all() else columns.take(known)


def _joined(first: Arrivals, second: Arrivals, messages: int) -> Arrivals:
    """`second` follows `first`, which is of so many messages."""
    return Arrivals(
        first.keys + second.keys,
        np.concatenate((first.key, second.key + len(first.keys))),
        np.concatenate((first.message, second.message + messages)),
        np.concatenate((first.layout, second.layout)),
        np.concatenate((first.time_us, second.time_us)),
        np.concatenate((first.values, second.values)),
        np.concatenate((first.present, second.present)),
        np.concatenate((first.quality, second.quality)),
        first.rejects + tuple(reject._replace(message=reject.message + messages) for reject in second.rejects),
    )


def _nothing(*rejects: Reject) -> Arrivals:
    none = np.zeros(0, np.intp)
    wide = (0, POSITIONS)
    return Arrivals(
        (), none, none, np.zeros(0, np.int16), np.zeros(0, np.int64),
        np.zeros(wide, np.int64), np.zeros(wide, np.bool_), np.zeros(wide, np.uint8), rejects,
    )  # fmt: skip
