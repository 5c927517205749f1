"""Frames of the services, restated with where they come from, and what they say.

"constructed" is built from the standard's layout, chapter 7 of each edition, by somebody else than the code under test;
no public capture shows these services, but for control (1CH), of which public code and manuals print frames.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from protocols.dlt645.services.access import Access
from protocols.dlt645.services.address import ReadAddress, WriteAddress
from protocols.dlt645.services.baud import ChangeBaud
from protocols.dlt645.services.clear import ClearDemand, ClearDemand1997, ClearEvents, ClearMeter
from protocols.dlt645.services.clock import SetTime
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.order import Ordered
from protocols.dlt645.services.password import ChangePassword
from protocols.dlt645.services.read import FollowUp, Read
from protocols.dlt645.services.read_1997 import FollowUp1997, Read1997, ReadAgain
from protocols.dlt645.services.service import Request
from protocols.dlt645.services.signer import PlainPassword
from protocols.dlt645.services.write import Write, Write1997

METER: Final = "123456789012"
NEW: Final = "210987654321"
EVERYBODY: Final = "999999999999"
ANYBODY: Final = "AAAAAAAAAAAA"
OPERATOR: Final = "00000001"
LEVEL_2: Final = PlainPassword(2, "000000").access
LEVEL_4: Final = PlainPassword(4, "000000").access
TO_END_OF_2026: Final = "2026-12-31T23:59:59"


class Sent(NamedTuple):
    """A master's frame: the request in it and the address it goes to."""

    raw: str
    address: str
    request: Request[Any]
    source: str = "constructed"


class Answered(NamedTuple):
    """A meter's normal answer to `request`, which gives `value`; `own` is the address it answers with."""

    raw: str
    own: str
    request: Request[Any]
    value: object
    follows: bool = False


class Denied(NamedTuple):
    """A meter's refusal of `request` with the bits `error`."""

    raw: str
    request: Request[Any]
    error: int
    code: str
    meaning: str


RECORD: Final = "03300001"
BAUD: Final = ChangeBaud(2400)
BAUD_1997: Final = ChangeBaud(2400, "1997")
WRITE: Final = Ordered(Write("04000103", b"\x15", OPERATOR), PlainPassword(4, "123456").access)
PASSWORD: Final = ChangePassword(LEVEL_2, PlainPassword(2, "654321").access)
CLEAR_DEMAND: Final = Ordered(ClearDemand(OPERATOR), LEVEL_4)
CLEAR_METER: Final = Ordered(ClearMeter(OPERATOR), LEVEL_2)
CLEAR_EVENTS: Final = Ordered(ClearEvents(operator=OPERATOR), LEVEL_2)


def control(command: Command) -> Ordered[Control]:
    return Ordered(Control(command, TO_END_OF_2026, OPERATOR), LEVEL_2)


SENT: Final = (
    Sent("FEFEFEFE681290785634126812053433633634D116", METER, FollowUp(RECORD, 1)),
    Sent("FEFEFEFE681290785634126812053433633635D216", METER, FollowUp(RECORD, 2)),
    Sent("FEFEFEFE6812907856341268140D36343337378967453433333348FC16", METER, WRITE),
    Sent("FEFEFEFE68AAAAAAAAAAAA681506547698BA3C549316", ANYBODY, WriteAddress(NEW)),
    Sent("FEFEFEFE689999999999996808067863485544598916", EVERYBODY, SetTime("2026-11-22T15:30:45")),
    Sent("FEFEFEFE68129078563412681604CCCCCCCCD016", METER, Freeze()),
    Sent("FEFEFEFE689999999999996816043333CCCC7E16", EVERYBODY, Freeze(0, 0)),
    Sent("FEFEFEFE681290785634126817013BD916", METER, BAUD),
    Sent("FEFEFEFE6812907856341268180C363F33373533333335547698EE16", METER, PASSWORD),
    Sent("FEFEFEFE681290785634126819083733333334333333" + "4416", METER, CLEAR_DEMAND),
    Sent("FEFEFEFE68129078563412681A0835333333343333334316", METER, CLEAR_METER),
    Sent("FEFEFEFE68129078563412681B0C3533333334333333323232321016", METER, CLEAR_EVENTS),
    Sent(
        "FEFEFEFE68129078563412681B0C3533333334333333324063365316",
        METER,
        Ordered(ClearEvents("03300DFF", OPERATOR), LEVEL_2),
    ),
    Sent("FEFEFEFE68129078563412681C1035333333343333335D338C8C566445594D16", METER, control(Command.ALARM)),
    Sent("FEFEFEFE68129078563412681C1035333333343333336D338C8C566445595D16", METER, control(Command.PROTECT)),
    Sent("FEFEFEFE68129078563412681C1035333333343333336E338C8C566445595E16", METER, control(Command.UNPROTECT)),
    Sent("FEFEFEFE681290785634126811053333333935A316", METER, Read("06000000", 2)),
    Sent("FEFEFEFE681290785634126811" + "0A343333393533335544590116", METER, Read("06000001", 2, "2026-11-22T00:00")),
    Sent("FEFEFEFE681290AAAAAAAA68110433333433FC16", "AAAAAAAA9012", Read("00010000")),
    Sent("FEFE6812907856341268010252C39E16", METER, Read1997("901F")),
    Sent("FEFE6812907856341268020252C39F16", METER, FollowUp1997("901F")),
    Sent("FEFE681290785634126803008916", METER, ReadAgain()),
    Sent("FEFE68999999999999680A06547698BA3C542216", EVERYBODY, WriteAddress(NEW, "1997")),
    Sent("FEFE68129078563412680C0143D616", METER, BAUD_1997),
    Sent("FEFE681290785634126810009616", METER, ClearDemand1997()),
    # What others printed or captured.
    Sent("FEFEFEFE689999999999996813007916", EVERYBODY, ReadAddress(), "captured, KTS-Intek/DLT645 log"),
    Sent("6806000018764768170137FA16", "477618000006", ChangeBaud(1200), "printed, prepaid reader"),
    Sent(
        "6899999999999968080684554338394A4B16",
        EVERYBODY,
        SetTime("2017-06-05T10:22:51"),
        "printed, C reader of 2017",
    ),
    Sent(
        "6811111111111168080658734338394A0D16",
        "111111111111",
        SetTime("2017-06-05T10:40:25"),
        "printed, C reader of 2017: to one meter",
    ),
    Sent(
        "6899999999999968040A43F33333333339393A4C6E16",
        EVERYBODY,
        Write1997("C010", bytes.fromhex("06060719"), Access(0)),
        "captured, KTS-Intek/DLT645 log: a password of zeros stands before the date",
    ),
    Sent(
        "6899999999999968040A43F30000000039393A4CA216",
        EVERYBODY,
        Write1997("C010", bytes.fromhex("06060719"), Access(0xCD, b"\xcd\xcd\xcd")),
        "captured, KTS-Intek/DLT645 log",
    ),
)

ANSWERED: Final = (
    Answered(
        "FEFEFEFE6812907856341268B116343363364544435544593433333334343337343433377C16",
        METER,
        Read(RECORD),
        bytes.fromhex("121110221126" + "01000000" + "01010004" + "01010004"),
        follows=True,
    ),
    Answered(
        "FEFEFEFE6812907856341268B2113433633635343337353433373534333734F616",
        METER,
        FollowUp(RECORD, 1),
        bytes.fromhex("020100040201000402010004"),
        follows=True,
    ),
    Answered(
        "FEFEFEFE68129078563412689219343363363232323232323232323232323232323232323232354E16",
        METER,
        FollowUp(RECORD, 2),
        b"\xff" * 20,
    ),
    Answered("FEFEFEFE681290785634126894001A16", METER, WRITE, None),
    Answered("FEFEFEFE68214365870921689500DF16", NEW, WriteAddress(NEW), None),
    Answered("FEFEFEFE681290785634126896001C16", METER, Freeze(), None),
    Answered("FEFEFEFE681290785634126897013B5916", METER, BAUD, 2400),
    Answered("FEFEFEFE681290785634126898043554" + "7698B916", METER, PASSWORD, None),
    Answered("FEFEFEFE681290785634126899001F16", METER, CLEAR_DEMAND, None),
    Answered("FEFEFEFE68129078563412689A002016", METER, CLEAR_METER, None),
    Answered("FEFEFEFE68129078563412689B002116", METER, CLEAR_EVENTS, None),
    Answered("FEFEFEFE6812907856341268910434333339EE16", METER, Read("06000001", 2), b""),
    Answered(
        "FEFE6812907856341268A10E52C3674533333334333333353333F716",
        METER,
        Read1997("901F"),
        bytes.fromhex("341200000001000000020000"),
        follows=True,
    ),
    Answered("FEFE6812907856341268820752C333363333DDD016", METER, FollowUp1997("901F"), bytes.fromhex("00030000AA")),
    Answered("FEFE68214365870921688A00D416", NEW, WriteAddress(NEW, "1997"), None),
)

NO_DATA: Final = "no requested data"
NOT_AUTHORISED: Final = "wrong password or not authorised"
NO_BAUD: Final = "baud rate cannot be changed"

DENIED: Final = (
    Denied("FEFEFEFE6812907856341268D201358E16", FollowUp(RECORD, 1), 0x02, "02", NO_DATA),
    Denied("FEFEFEFE6812907856341268D401379216", WRITE, 0x04, "04", NOT_AUTHORISED),
    Denied("FEFEFEFE6812907856341268D7013B9916", BAUD, 0x08, "08", NO_BAUD),
    Denied("FEFEFEFE6812907856341268DC01379A16", control(Command.ALARM), 0x04, "04", NOT_AUTHORISED),
    Denied("FEFE68129078563412688C01324516", BAUD_1997, 0x08, "FF", NO_BAUD),
)


class Switch(NamedTuple):
    """A public control frame: level and operator, N1, N2 and the moment until which it is valid."""

    raw: str
    address: str
    level: int
    operator: str
    command: Command
    n2: int
    until: str
    source: str


SWITCHES: Final = (
    Switch(
        "FEFEFEFE68298184280000681C1035333333333333334E333333333434CC3A16",
        *("000028848129", 2, "00000000", Command.PERMIT_CLOSE, 0, "2099-01-01T00:00:00", "printed, node driver"),
    ),
    Switch(
        "FEFEFEFE68040028101920681C1035333333646464644D333434343434CC1F16",
        *("201910280004", 2, "31313131", Command.TRIP, 0, "2099-01-01T01:01:01", "printed, LoRaWAN downlink"),
    ),
    Switch(
        "FEFEFEFE68040028101920681C1035333333646464644F333434343434CC2116",
        *("201910280004", 2, "31313131", Command.CLOSE, 0, "2099-01-01T01:01:01", "printed, LoRaWAN downlink"),
    ),
    Switch(
        "FEFEFEFE68090051050326681C1035333333333333334D348C8C566445CC8216",
        *("260305510009", 2, "00000000", Command.TRIP, 1, "2099-12-31T23:59:59", "printed, test of a Django service"),
    ),
    Switch(
        "FEFEFEFE68090051050326681C1035333333333333334E348C8C566445CC8316",
        *("260305510009", 2, "00000000", Command.PERMIT_CLOSE, 1, "2099-12-31T23:59:59", "printed, the same test"),
    ),
    Switch(
        "68611001301215681C10356A393534333333" + "4E3333333363" + "45CC2D16",
        *("151230011061", 2, "00000001", Command.PERMIT_CLOSE, 0, "2099-12-30T00:00:00", "printed, inside a 376.1"),
    ),
    Switch(
        "68061024051920681C1035333333333333334D33333333333333C016",
        *("201905241006", 2, "00000000", Command.TRIP, 0, "000000000000", "printed, C++ master: no moment at all"),
    ),
    Switch(
        "68989921000000681C1035333333636363634E333333333333335B16",
        *("000000219998", 2, "30303030", Command.PERMIT_CLOSE, 0, "000000000000", "printed, microcontroller code"),
    ),
)

BAD_SUM_SWITCH: Final = "68350000000100681C1035434343434444445E33838443393C4A9516"
