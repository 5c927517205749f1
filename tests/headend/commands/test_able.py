"""What meters of a kind cannot do is refused when it is asked for, meter by meter."""

from __future__ import annotations

import pytest

from headend.commands.errors import Impossible
from headend.safety.function import Function, ReasonCode
from tests.headend.commands.site import Site, name


async def test_each_meter_that_cannot_is_told(site: Site) -> None:
    site.sql("UPDATE meter SET model = 'dlt645_1997' WHERE name = ANY (%s)", [name(2), name(3)])
    site.sql("UPDATE meter SET model = 'nothing_known' WHERE name = %s", name(4))
    with pytest.raises(Impossible) as denied:
        await site.draft(meters=(1, 2, 3, 4))
    told = {reason.meter: reason.why for reason in denied.value.reasons}
    assert told.keys() == {name(2), name(3), name(4)}
    assert "no frame for trip" in told[name(2)]
    assert site.sql("SELECT count(*) FROM command_order") == [(0,)]
    assert site.audited("impossible") == [("ada", denied_key(site))]
    assert (await site.draft(meters=(1,))).state == "draft"


def denied_key(site: Site) -> str:
    return str(site.sql("SELECT subject FROM audit WHERE action = 'impossible'")[0][0])


@pytest.mark.parametrize(
    ("function", "parameters", "why"),
    [
        (Function.TRIP, {"n2": "5"}, "parameters"),
        (Function.WRITE_PARAMETER, {"item": "04000401", "data": "11"}, "no order writes"),
        (Function.WRITE_PARAMETER, {"item": "04000103"}, "item and data"),
        (Function.RAISE_LIMIT, {"kw": "5"}, "does not say that its relay acts on a load limit"),
        (Function.WRITE_PARAMETER, {"item": "04000E01", "data": "000005"}, "limit_load and raise_limit"),
    ],
)
async def test_what_has_no_frame_is_not_drafted(
    site: Site, function: Function, parameters: dict[str, str], why: str
) -> None:
    reason = ReasonCode.MAINTENANCE if function is Function.WRITE_PARAMETER else None
    more = {} if reason is None else {"reason": reason}
    with pytest.raises(Impossible, match=why):
        await site.draft("ada", function, meters=(1,), parameters=parameters, **more)


async def test_an_edit_is_asked_about_too(site: Site) -> None:
    order = await site.approved(meters=(1,))
    site.sql("UPDATE meter SET model = 'dlt645_1997' WHERE name = %s", name(2))
    with pytest.raises(Impossible):
        await site.desk().edit(await site.who("ada"), order.id, site.asked(meters=(1, 2)))
    assert site.states(order.id) == {name(1): "approved"}


async def test_s14_without_a_known_password_none_is_changed(site: Site) -> None:
    site.sql("UPDATE meter SET model = 'dlt645_1997' WHERE name = %s", name(3))
    kept = ((1, "control", "current"), (2, "control", "past"), (2, "reading", "current"), (3, "control", "current"))
    for number, kind, state in kept:
        site.sql(
            "INSERT INTO meter_secret (meter, kind, state, key_id, wrapped, data, by)"
            " VALUES (%s, %s, %s, 'k', '', '', 'ada')",
            name(number), kind, state,
        )  # fmt: skip
    given = {"reason": ReasonCode.MAINTENANCE}
    with pytest.raises(Impossible) as denied:
        await site.draft("ada", Function.CHANGE_PASSWORD, meters=(1, 2, 3), **given)
    told = {reason.meter: reason.why for reason in denied.value.reasons}
    assert told.keys() == {name(2), name(3)}
    assert told[name(2)] == "no password is known of it"
    assert "no frame for change_password" in told[name(3)]
    with pytest.raises(Impossible, match="such parameters"):
        await site.draft("ada", Function.CHANGE_PASSWORD, meters=(1,), parameters={"operator": "00000007"}, **given)
    order = await site.draft("ada", Function.CHANGE_PASSWORD, meters=(1,), **given)
    assert list(order.needs) == ["approval", "release"]
