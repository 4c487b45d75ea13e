"""The exceptions of pyvrrp, one tree.

A caller's fault is an exception from here; a peer's fault on the wire is a code and a counter in vrrpcore; a fault of
our own is an assert.
"""


class PyvrrpError(Exception):
    """Anything that pyvrrp itself raises. Its text can be shown to an operator as it is."""


class ConfigError(PyvrrpError):
    """A configuration cannot be read at all."""


class UsageError(PyvrrpError):
    """A command line asks for what cannot be done."""


class NetlinkError(PyvrrpError):
    """The kernel refused a request, or its answer did not come."""

    def __init__(self, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


class ScriptError(PyvrrpError):
    """A script could not be started, or the spawner is gone."""


class ControlError(PyvrrpError):
    """The daemon could not be asked, or refused."""


class DemoError(PyvrrpError):
    """The demo cannot be played here, or did not go as it must."""


class MeterError(PyvrrpError):
    """Nothing can be measured here, or what was measured did not go as it must."""


class RefusedError(PyvrrpError):
    """The daemon was asked, and its answer is no. `status` is that of HTTP, `body` the whole answer."""

    def __init__(self, message: str, status: int, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body
