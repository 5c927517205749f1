"""Decisions on meter events."""

from __future__ import annotations

from analytics.events.storms import RULES as RULES
from analytics.events.storms import Occurrence as Occurrence
from analytics.events.storms import Storm as Storm
from analytics.events.storms import StormRule as StormRule
from analytics.events.storms import storms as storms
