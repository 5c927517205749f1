"""Line loss: what an area or a feeder was supplied with, less what its meters took, and why.

words        Member, Day, Technical, Anomaly, Place, Report
technical    the loss of lines and transformers, fitted
area         the balance of one area
people       what moves all meters, from some at a time
found        what is left of an area when its readings are forgotten
suspects     meters whose readings explain what is left
steps        days from which on it is another loss
anomalies    reasons
feeder       feeders
report       line_loss()
"""

from __future__ import annotations

from analytics.lineloss.report import Input as Input
from analytics.lineloss.report import line_loss as line_loss
from analytics.lineloss.words import DAILY as DAILY
from analytics.lineloss.words import Anomaly as Anomaly
from analytics.lineloss.words import Day as Day
from analytics.lineloss.words import Member as Member
from analytics.lineloss.words import Place as Place
from analytics.lineloss.words import Report as Report
