"""Bytes to values, and the links that carry bytes: the ground floor of the house.

`model`, `quantities`, `errors`, `exchange`   the words everybody shares
`dlt645`, `modbus`                            sans-I/O codecs: frames, values, conversations as generators
`meter_model`, `models/*.toml`                a kind of meter as data
`links`                                       open byte paths; they know no protocol
`driver`                                      the one place that awaits: it takes a conversation over a link
"""
