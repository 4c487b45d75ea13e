"""Networks of engines in virtual time: `pyvrrp simulate`, and the bed of the tests.

    network     hosts on wires, what a wire does to datagrams, and the time
    wiring      which interfaces are on one wire, and who has which address, from configurations
    trackers    what the scripts, files and processes of a host say
    machine     a host that runs a configuration, as the daemon would
    electorate  which instances elect one MASTER, and who hears whom
    checks      what must hold whatever happens
    scenario    what is to happen, as lines of text
    play        all of them together: a scenario is played, and what happened is noted

Nothing here sleeps, opens a socket or reads a clock, and nothing but the engine decides who is MASTER.
"""
