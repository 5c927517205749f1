"""Asking a DL/T 645-2007 meter for what it kept: load records (06), freezes (05), settlements (00, 01)."""
