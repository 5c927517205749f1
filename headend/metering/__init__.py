"""One meter or one line at a time, by hand: read, live, scan, search, golden conversations."""
