"""What is due and who does it: plans, jobs, a line's agenda, quarantine. Data and pure functions, no link, no loop."""
