"""Validation, estimation and editing (VEE): raw intervals beside what is published, each value with its provenance.

Pure and exact: integers in the quantity's steps, columnar over meters. Data in (`frame`), rules as data
(`parameters`), and out comes a `ValidatedFrame`; nothing here stores, asks or knows what time it is.
"""
