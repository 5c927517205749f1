"""The meter's side of DL/T 645, both editions.

`stations`, `station`           the meters of a line; one of them: whom it hears, how it answers
`services_2007`, `services_1997` what it does when it is asked, one function a service; `writing`, `refusal`, `piece`
`contents`                      what items hold, as bytes; `defaults`, what parameters hold from the factory
`memory`                        all that a meter keeps, made when it is first needed:
`passwords`, `relay`, `dial`    levels and their lock-out; the switch; its own clock
`journal`, `befall`             what it writes down about itself; what may befall it
`schedule`, `freezes`, `profile` when it stores what; freezes; load records
`setup`, `quirks`               what all meters of a line begin with; how a make differs from the book
"""

from __future__ import annotations

from simulators.dlt645.quirks import Quirks as Quirks
from simulators.dlt645.setup import Hooks as Hooks
from simulators.dlt645.setup import Setup as Setup
from simulators.dlt645.setup import Verifier as Verifier
from simulators.dlt645.station import Dlt645Station as Dlt645Station
from simulators.dlt645.stations import Dlt645Stations as Dlt645Stations
