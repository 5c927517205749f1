"""Who may what: users, grants, tokens."""
