"""Collection quality as a report and a chart."""
