"""Modbus for meters: PDUs, RTU and TCP framing, register maps, conversations. Sans-I/O.

Layers, bottom up: `refusals`, `bits`, `identification`, `pdu` (what is asked and answered), `rtu` and `tcp` (how it is
framed), `wire` (requests on an open line), `floats` and `registers` (what the numbers mean), `reads` (one
conversation), `plan` (which ones), `writes` and `identity` (what else a model states), `model`, `model_tables` and
`model_file`.
"""

from protocols.modbus.model import ModbusModel
from protocols.modbus.model_file import parse_model
from protocols.modbus.reads import RegisterRead, raw_read
from protocols.modbus.wire import RtuWire, TcpWire

__all__ = ["ModbusModel", "RegisterRead", "RtuWire", "TcpWire", "parse_model", "raw_read"]
