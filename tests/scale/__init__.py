"""Thousands of routers in one process: descriptors, sockets, and no master lost."""
