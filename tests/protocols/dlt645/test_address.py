"""Addresses: spelling, wildcards, and who is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645 import address as addresses
from protocols.errors import ModelError


@given(text=st.text("0123456789", min_size=1, max_size=12))
def test_address_comes_back_with_leading_zeros(text: str) -> None:
    assert addresses.from_wire(addresses.to_wire(text)) == text.zfill(12)


def test_low_byte_is_sent_first() -> None:
    assert addresses.to_wire("123456789012") == bytes.fromhex("129078563412")


@pytest.mark.parametrize("text", ["", "1234567890123", "12x", "-1", "AA", "12AA34567890", "1 2", "\u0661\u0662\u0663"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="not a DL/T 645 address"):
        addresses.to_wire(text)


def test_wildcards_are_written_in_full() -> None:
    assert addresses.normal("aaaaaaaaaaaa") == addresses.WILDCARD
    assert addresses.to_wire("AAAAAAAA9012") == bytes.fromhex("1290AAAAAAAA")


@pytest.mark.parametrize(
    ("asked", "own", "meant"),
    [
        ("123456789012", "123456789012", True),
        ("123456789012", "123456789013", False),
        ("AAAAAAAAAAAA", "123456789012", True),
        ("AAAAAAAA9012", "123456789012", True),
        ("AAAAAAAA9013", "123456789012", False),
    ],
)
def test_who_is_meant(asked: str, own: str, meant: bool) -> None:
    assert addresses.reaches(addresses.to_wire(asked), addresses.to_wire(own)) is meant


def test_address_that_is_no_bcd_shows_as_it_is() -> None:
    assert addresses.from_wire(bytes.fromhex("0102030405ff")) == "FF0504030201"
