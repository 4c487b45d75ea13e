"""The VRRP part of keepalived.conf files, run by one process: configuration, the kernel, scripts and people."""

__version__ = "0.1.0"
