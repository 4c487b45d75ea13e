"""The control socket: HTTP/1.1 with JSON over a Unix socket, its messages, its server and its client."""

DEFAULT_SOCKET = "/run/pyvrrp/pyvrrp.sock"
