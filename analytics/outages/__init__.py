"""Which part of the low-voltage network is without supply.

words        District, Evidence, Outage, LineFault, Conclusion, Restoration
signs        what each meter showed, what the lines did
conclusion   conclude, restoration
"""

from __future__ import annotations

from analytics.outages.conclusion import RESTORED_SHARE as RESTORED_SHARE
from analytics.outages.conclusion import SLACK as SLACK
from analytics.outages.conclusion import conclude as conclude
from analytics.outages.conclusion import restoration as restoration
from analytics.outages.signs import DEAD_VOLTAGE as DEAD_VOLTAGE
from analytics.outages.words import Branch as Branch
from analytics.outages.words import Conclusion as Conclusion
from analytics.outages.words import District as District
from analytics.outages.words import Evidence as Evidence
from analytics.outages.words import Level as Level
from analytics.outages.words import LineFault as LineFault
from analytics.outages.words import Outage as Outage
from analytics.outages.words import Restoration as Restoration
