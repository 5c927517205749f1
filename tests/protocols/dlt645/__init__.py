"""DL/T 645: golden vectors, properties, rules."""
