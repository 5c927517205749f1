"""DL/T 645: frames, identifiers, conversations. Sans-I/O."""
