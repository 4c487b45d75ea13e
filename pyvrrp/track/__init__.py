"""What is tracked: how results become verdicts, priorities and FAULT, and the watchers that get them."""
