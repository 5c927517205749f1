"""The meters' clocks: how far they are off, what follows from that, and setting them under the rules of 08H."""
