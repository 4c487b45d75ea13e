"""Scripts: the spawner process that runs them, and the pool that asks it to."""
