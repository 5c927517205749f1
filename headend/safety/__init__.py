"""Whether a frame that acts on a meter may be built: pure rules over what is given. No clock, no I/O."""
