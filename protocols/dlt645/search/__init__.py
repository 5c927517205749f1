"""Finding the meters of a line without knowing one address.

`census`    one question to all whom a wildcard reaches, and everything that came back: frames, noise or nothing
`verdict`   what several such questions to the same meters say together
`proof`     a meter read at its own whole address, without which none is reported
`branch`    where the search stands: an ending of addresses, and which of its continuations are to be asked
`search`    the search itself, step by step; it can be stopped between any two and gone on with later
`hail`      whether anybody understands this baud rate and parity
"""

from protocols.dlt645.search.branch import Branch as Branch
from protocols.dlt645.search.hail import Hail as Hail
from protocols.dlt645.search.hail import hail as hail
from protocols.dlt645.search.proof import Found as Found
from protocols.dlt645.search.search import Search as Search
from protocols.dlt645.search.search import Step as Step
from protocols.dlt645.search.search import Terms as Terms
from protocols.dlt645.search.verdict import Outcome as Outcome
