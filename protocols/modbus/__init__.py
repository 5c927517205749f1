"""Modbus for meters: PDUs, RTU and TCP framing, register maps, conversations. Sans-I/O.

Layers, bottom up: `pdu` (what is asked and answered), `rtu` and `tcp` (how it is framed), `wire` (requests on an open
line), `floats` and `registers` (what the numbers mean), `reads` (one conversation), `plan` (which ones), `model`.
"""

from protocols.modbus.model import ModbusModel, parse_model
from protocols.modbus.reads import RegisterRead, raw_read
from protocols.modbus.wire import RtuWire, TcpWire

__all__ = ["ModbusModel", "RegisterRead", "RtuWire", "TcpWire", "parse_model", "raw_read"]
