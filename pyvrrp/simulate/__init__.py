"""Networks of engines in virtual time.

Nothing here sleeps, opens a socket or reads a clock, and nothing but the engine decides who is MASTER.
"""
