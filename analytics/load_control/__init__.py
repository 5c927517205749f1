"""Load control: who can give how much, whom to ask, in turn, and what they gave. It proposes; nothing here switches."""
