"""The VRRP engine: bytes, the protocol and time. It knows nothing of files, processes or people."""
