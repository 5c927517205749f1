"""DL/T 645: frames, identifiers, conversations. Sans-I/O.

`frame`, `reader`              bytes on the wire
`formats`, `item`, `items`     what a data identifier holds, as rules
`address`, `words`             addresses; codes in words
`read`                         the read service as a conversation
`model`                        a meter model as data
"""

from protocols.dlt645.model import parse_model as parse_model
