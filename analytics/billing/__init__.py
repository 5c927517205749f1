"""From registers and intervals to amounts: determinants, tariffs, bills. No I/O, no clock, no float."""
