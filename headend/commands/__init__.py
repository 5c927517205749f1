"""Orders of people to meters: asked for, decided, written down. Nothing here sends."""
