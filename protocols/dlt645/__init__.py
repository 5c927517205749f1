"""DL/T 645: frames, identifiers, conversations. Sans-I/O.

`frame`, `reader`              bytes on the wire
`formats`, `item`, `items`     what a data identifier holds, as rules
`address`, `words`             addresses; codes in words
`services`                     what a meter can be asked, as conversations
`model`                        a meter model as data
"""

from protocols.dlt645.model import parse_model as parse_model
