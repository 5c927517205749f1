"""Modbus for meters: PDUs, RTU and TCP framing, register maps, conversations. Sans-I/O."""
