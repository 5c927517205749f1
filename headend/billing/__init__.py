"""From stored reads to bills that are kept."""
