"""DL/T 645: frames, identifiers, conversations. Sans-I/O.

`frame`, `reader`              bytes on the wire
`formats`, `item`, `items`     what a data identifier holds, as rules
`address`, `words`             addresses; codes in words
`services`                     what a meter can be asked, as conversations
`model`                        a meter model as data
`reply`                        what a reply says by itself: pushes, replays
`batch`                        the same for many frames at once, in columns: `scan`, `packed`, `item_table`
"""

from protocols.dlt645.model import parse_model as parse_model
