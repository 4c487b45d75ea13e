"""The meter: what this engine, and keepalived beside it, does on the host where it runs.

`pyvrrp bench` is its face. Everything is measured in network namespaces of its own, joined by veth wires, with daemons
of its own; nothing of the host's network, and no daemon of the host, is touched.

- case, arithmetic: what is measured, as values; and what comes of numbers. Pure.
- machine: what the figures were measured on.
- network, processes, daemons: hosts that are namespaces, and a daemon in one, with what it uses.
- course: how a measurement waits, and is told to end.
- loops: what is too short to be timed from Python. Compiled.
- throughput, flood, failover: the measurements.

The developers' benchmarks (bench/) are built on it; it knows nothing of them.
"""
