"""Which meters an inspector should look at first: a ranking with reasons, never a verdict.

words        Frame, Evidence, Outcome, Score, Reason, Scan
grid         frames of any order and step onto days and slots
profile      the usual day, what moves all meters
series       rows of one number a day
splits       days at which they change
shape        what a meter's readings show by themselves
templates    what an area would lack, by kind of theft
windows      hours of the day in which a share is hidden
noise        which intervals of a balance are believed
balance      what an area lacks, and whose readings explain it
imitation    thefts played on the utility's own readings
grain        the step in which a meter counts
changes      honest changes played on them
trees        boosted trees
prior        what thefts look like, learned from those that are played
weigh        shape and balance together: log-odds
outcomes     events and inspections
scan         scan()
"""

from __future__ import annotations

from analytics.theft.prior import Settings as Settings
from analytics.theft.scan import scan as scan
from analytics.theft.words import EVENTS as EVENTS
from analytics.theft.words import Evidence as Evidence
from analytics.theft.words import Frame as Frame
from analytics.theft.words import Outcome as Outcome
from analytics.theft.words import Reason as Reason
from analytics.theft.words import Scan as Scan
from analytics.theft.words import Score as Score
