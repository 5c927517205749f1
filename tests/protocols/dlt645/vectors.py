"""Frames that others published, with what they hold: facts, restated with where they were seen.

`values` are exact texts in the order of the item's parts. "printed" is a frame in a comment, manual or test of public
code, "captured" one from a published log of a real meter, "constructed" one built here from the standard's layout.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Reply(NamedTuple):
    raw: str
    address: str
    item: str
    values: tuple[str, ...]
    source: str


class Message(NamedTuple):
    """Any frame: address, control code and data without the 33H."""

    raw: str
    address: str
    control: int
    data: str
    source: str


REPLIES: Final = (
    Reply(
        "6812907856341268910833333433AB896745CC16", "123456789012", "00010000", ("123456.78",), "printed, golden vector"
    ),
    Reply(
        "FEFEFEFE68111111111111689108333334339C353333D316",
        "111111111111",
        "00010000",
        ("2.69",),
        "printed, NB-IoT platform",
    ),
    Reply(
        "FEFEFEFE6894410326121868910833333433593333335016",
        "181226034194",
        "00010000",
        ("0.26",),
        "captured, STM32 reader",
    ),
    Reply(
        "FEFEFEFE682000510503266891083333353333333333A216",
        "260305510020",
        "00020000",
        ("0.00",),
        "captured, three-phase meter",
    ),
    Reply(
        "68573300429450689108333333334C633833FF16", "509442003357", "00000000", ("530.19",), "printed, prepaid reader"
    ),
    Reply("681111111111116891083333333368393333A216", "111111111111", "00000000", ("6.35",), "printed, Python reader"),
    Reply(
        "FEFEFEFE681111111111116891063334343536572A16",
        "111111111111",
        "02010100",
        ("240.3",),
        "printed, NB-IoT platform",
    ),
    Reply(
        "FEFEFEFE680801000000006891063334343575550A16",
        "000000000108",
        "02010100",
        ("224.2",),
        "printed, NB-IoT platform",
    ),
    Reply("FEFE681290785634126891063334343538567B16", "123456789012", "02010100", ("230.5",), "printed, two FE"),
    Reply(
        "FE6805858116000068910633343435BC556916",
        "000016818505",
        "02010100",
        ("228.9",),
        "printed, one FE; the address holds 16H",
    ),
    Reply(
        "FEFEFEFE68111111111111689107333435353333333816",
        "111111111111",
        "02020100",
        ("0.000",),
        "printed, NB-IoT platform",
    ),
    Reply("68370300928139689107333336353333335816", "398192000337", "02030000", ("0.0000",), "printed, Java reader"),
    Reply(
        "FEFEFEFE681111111111116891063A33B3356C35C316",
        "111111111111",
        "02800007",
        ("23.9",),
        "printed, NB-IoT platform",
    ),
    Reply(
        "FEFEFEFE6894410326121868910A33323435365633333333B916",
        "181226034194",
        "0201FF00",
        ("230.3", "0.0", "0.0"),
        "captured, single-phase meter",
    ),
    Reply(
        "FEFEFEFE6894410326121868910D33323535BB3433333333333333B916",
        "181226034194",
        "0202FF00",
        ("0.188", "0.000", "0.000"),
        "captured, single-phase meter",
    ),
    Reply(
        "680036190000006891183332343363693333893533334C3333336B3333334A663333E916",
        "000000193600",
        "0001FF00",
        ("36.30", "2.56", "0.19", "0.38", "33.17"),
        "captured, power-line gateway",
    ),
    Reply(
        "FEFEFEFE6811111111111168910A37373337333389636565C516",
        "111111111111",
        "04000404",
        ("220V",),
        "printed, NB-IoT platform: ASCII, padded with zeros",
    ),
)

# A wildcard may be answered with the wildcard: WKJay/DLT645, issue 10.
WILDCARD_REPLY: Final = Reply("68AAAAAAAAAAAA6891063334343533339916", "AAAAAAAAAAAA", "02010100", ("0.0",), "captured")

# A DTU that puts its MAC address (D8B04CBDD147) in front of every upload.
PREFIXED_REPLY: Final = Reply(
    "D8B04CBDD147FEFEFEFE688453661605176891063334343549554416",
    "170516665384",
    "02010100",
    ("221.6",),
    "printed, USR DTU",
)

# 0E0000H stands where BCD must be.
NO_BCD_REPLY: Final = Reply("681806360400916891083333343333334133F916", "910004360618", "00010000", (), "printed")

# The answer has more bytes than the item: single-phase apparent energy, 4 bytes by the standard.
WRONG_LENGTH_REPLY: Final = Reply(
    "FEFEFEFE6866666666666668911F33335033650F9F6B33333333333333338733333343553533933933337538331516",
    "666666666666",
    "001D0000",
    (),
    "printed, sensor library",
)

MESSAGES: Final = (
    Message("FEFEFEFE6878563412000068110433333433C616", "000012345678", 0x11, "00000100", "captured"),
    Message("FE68003619000000681104333234330016", "000000193600", 0x11, "00FF0100", "captured, one FE"),
    Message(
        "FEFEFEFE68999999999999681104333433334816", "999999999999", 0x11, "00010000", "captured, read by broadcast"
    ),
    Message("68AAAAAAAAAAAA68110433343435B116", "AAAAAAAAAAAA", 0x11, "00010102", "printed, wildcard"),
    Message("6837030092813968D101355D16", "398192000337", 0xD1, "02", "printed, no requested data"),
    Message("6812907856341268D101399116", "123456789012", 0xD1, "06", "printed, two error bits"),
    Message(
        "FEFEFEFE68944103261218689306C7743659454BEB16", "181226034194", 0x93, "944103261218", "captured, own address"
    ),
    Message("6800361900000068930633694C3333333916", "000000193600", 0x93, "003619000000", "captured, own address"),
    Message("6806000018764768170137FA16", "477618000006", 0x17, "04", "printed, change of baud rate"),
    Message(
        "6899999999999968080684554338394A4B16",
        "999999999999",
        0x08,
        "512210050617",
        "printed, time of 2017-06-05 10:22:51",
    ),
    Message(
        "FEFEFEFE68298184280000681C1035333333333333334E333333333434CC3A16",
        "000028848129",
        0x1C,
        "02000000000000001B00000000010199",
        "printed, permission to close",
    ),
    Message(
        "6895320600000068810643C3483333330B16",
        "000000063295",
        0x81,
        "109015000000",
        "captured, a meter of the 1997 edition",
    ),
    Message("6895320600000068C101359416", "000000063295", 0xC1, "02", "captured, refusal of the 1997 edition"),
)

# Printed with a check sum that is wrong.
BAD_SUMS: Final = (
    "6837030092813968910633343435C756B616",
    "683703009281396891083333333333A333338E16",
    "68350000000100681C1035434343434444445E33838443393C4A9516",
    "6804000036864668110434373337B716",
    "681401003182216891083333334339333333F116",
)

# Constructed from the standard's layout: what no public capture shows.
CONSTRUCTED: Final = (
    Reply("FEFEFEFE68129078563412689107333336357856B47116", "123456789012", "02030000", ("-1.2345",), "constructed"),
    Reply("FEFEFEFE68129078563412689107333435353383B35816", "123456789012", "02020100", ("-5.000",), "constructed"),
    Reply("FEFEFEFE6812907856341268910633333935C8BC7516", "123456789012", "02060000", ("-0.995",), "constructed"),
    Reply("FEFEFEFE6812907856341268910833333333674533B37D16", "123456789012", "00000000", ("-12.34",), "constructed"),
    Reply("FEFEFEFE681290785634126891063A33B33538B45E16", "123456789012", "02800007", ("-10.5",), "constructed"),
    Reply("FEFEFEFE6812907856341268910833333633333433B33B16", "123456789012", "00030000", ("-1.00",), "constructed"),
    Reply(
        "FEFEFEFE6812907856341268910C3333343467453378485544598216",
        "123456789012",
        "01010000",
        ("0.1234", "2026-11-22T15:45"),
        "constructed",
    ),
)
