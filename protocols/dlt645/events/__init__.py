"""The events of DL/T 645 meters.

logs      where a kind is kept: counter, records, both editions
bits      what the bits of status words mean as events
reading   the conversation: counter first, then the records that are new
moments   a meter's own times as moments
"""

from __future__ import annotations

from protocols.dlt645.events.bits import BITS as BITS
from protocols.dlt645.events.bits import WORD_ITEMS as WORD_ITEMS
from protocols.dlt645.events.logs import LOGS as LOGS
from protocols.dlt645.events.logs import EventLog as EventLog
from protocols.dlt645.events.reading import EventRecord as EventRecord
from protocols.dlt645.events.reading import LogMark as LogMark
from protocols.dlt645.events.reading import LogReading as LogReading
from protocols.dlt645.events.reading import read_logs as read_logs
