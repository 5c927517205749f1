"""Files that billing systems load: typed columns into bytes, one module per format, and back through a strict checker.

Writers are pure: series in, an iterator of bytes out. The same series and batch give the same bytes.
"""
