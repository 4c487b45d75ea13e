"""Who is told of a change of state, and in which order."""
