"""An approver reads values, not bytes."""

from __future__ import annotations

from headend.commands.meant import meant


def test_what_is_written_is_shown_decoded() -> None:
    assert meant({"item": "04000103", "data": "30"}) == ("item 04000103 demand_period", "  demand_period = 30 min")
    table = meant({"item": "04010001", "data": "010000" + "020008" * 13})
    assert table[0] == "item 04010001 day_table_1_set_1"
    assert table[1:3] == ("  period_1 = 00:00 1", "  period_2 = 08:00 2")
    assert len(table) == 15
    assert meant({"point": "unit_id", "value": "7"}) == ("unit_id = 7",)
    assert meant({"n2": "3"}) == ("closes again by itself after 15 minutes",)
    assert meant({"operator": "00000001"}) == ()


def test_what_cannot_be_read_is_said_and_a_password_is_not_shown() -> None:
    assert "nothing here can read" in meant({"item": "04000103", "data": "3030"})[0]
    assert "nothing here can read" in meant({"item": "0F0F0F0F", "data": "30"})[0]
    assert meant({"item": "04000c03", "data": "02123456"}) == ("item 04000c03, a password",)
