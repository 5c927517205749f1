"""Labels of customers: what they are given from, and where they are kept."""
