"""Batches of validated values for billing systems: asked for, written, released, delivered, answered."""
