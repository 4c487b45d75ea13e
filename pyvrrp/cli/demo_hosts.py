"""The stage of `pyvrrp demo`: two hosts on one switch, each a network namespace with a pyvrrpd of its own.

Everything is private: the process leaves its network namespace first (and, without root, its user namespace),
the switch is a bridge in the new one, and configurations, scripts, sockets, pids and logs are in one
temporary directory. So nothing of the machine is touched, and removing the directory and ending the processes
leaves nothing.

A host is stopped as by a power cut: its processes are killed, with no word to anybody, its wire goes and its
namespace with it. It comes back as a machine that boots: a new namespace, no address left over.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from pyvrrp import linux
from pyvrrp.control.client import ControlClient
from pyvrrp.control.protocol import InstanceStatus
from pyvrrp.errors import ControlError, DemoError, NetlinkError
from pyvrrp.meter.processes import family
from pyvrrp.netlink import lab

PLACEHOLDER = "/run/pyvrrp-demo"            # in conf/demo/*.conf; replaced by the private directory
SCRIPTS = ("check.sh", "notify.sh")
SWITCH = "switch"
INTERFACE = "eth0"
STOP_S = 3.0                                # that daemons get to end in good order
LOG_LINES = 12                              # of each daemon, shown when something went wrong


def leave_network() -> None:
    """Move this process, which has one thread, into a network namespace of its own, as root or as a user.

    Raises DemoError, with what to do.
    """
    uid, gid = os.getuid(), os.getgid()
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # root without CAP_SYS_ADMIN, in a container: then as a user
            linux.unshare(linux.CLONE_NEWNET)
            return
    try:
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        raise DemoError(
            f"demo: you may make no network namespace here ({error.strerror}); run it as root: sudo pyvrrp demo, or "
            "look at user.max_user_namespaces, user.max_net_namespaces, kernel.unprivileged_userns_clone and "
            "kernel.apparmor_restrict_unprivileged_userns in sysctl"
        ) from error


def conf_directory() -> Path:
    """Where the demo's configurations are: in a checkout, or where a package puts them. Raises DemoError."""
    checkout = Path(__file__).parents[2] / "conf" / "demo"
    installed = Path(sysconfig.get_path("data")) / "share" / "pyvrrp" / "demo"
    for directory in (checkout, installed):
        if (directory / SCRIPTS[0]).is_file():
            return directory
    raise DemoError(f"demo: neither {checkout} nor {installed} has its configurations; install pyvrrp again")


class Host:
    """One host of the demo. power_on() and power_off() may alternate; close() ends it for good."""

    def __init__(self, name: str, address: str, *, directory: Path, switch: lab.Lab) -> None:
        """`directory` becomes the host's own and is made here; `switch` is the namespace of the bridge."""
        self.name, self.address = name, address
        self.directory = directory
        self.watch: lab.AddressWatch | None = None      # while it is on
        self._switch = switch
        self._namespace: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._client = ControlClient(str(directory / "control"), timeout_s=1.0)
        source = conf_directory()
        directory.mkdir(0o700)
        for script in SCRIPTS:
            shutil.copy(source / script, directory)
            (directory / script).chmod(0o755)
        text = (source / f"{name}.conf").read_text()
        self.conf = directory / "keepalived.conf"
        self.conf.write_text(text.replace(PLACEHOLDER, str(directory.parent)))

    @property
    def is_on(self) -> bool:
        return self._process is not None

    def power_on(self) -> None:
        """Make the namespace and its wire to the switch, and start the daemon; does not wait for it.

        Raises NetlinkError, OSError.
        """
        self._namespace = lab.make_namespace()
        port = f"to-{self.name}"
        # The same card each time: with another, the neighbour would not hear, or be heard, until ARP asks again.
        mac = "02:00:" + ":".join(f"{byte:02x}" for byte in socket.inet_aton(self.address))
        self._switch.add_veth(port, INTERFACE, peer_namespace=self._namespace, peer_mac=mac)
        self._switch.attach(port, SWITCH)
        self._switch.up(port)
        with lab.inside(self._namespace):
            with lab.Lab() as links:
                links.up("lo")
                links.up(INTERFACE)
                links.add_address(INTERFACE, f"{self.address}/24")
            self.watch = lab.AddressWatch()
            self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "pyvrrp.daemon", "-n", "-l", "-D", "-P", "-f", str(self.conf)]
        argv += ["-p", str(self.directory / "pid"), "-r", str(self.directory / "vrrp.pid")]
        argv += ["--socket", str(self.directory / "control")]
        environment = os.environ | {"TMPDIR": str(self.directory)}
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,     # Ctrl-C is for the demo, which then stops the daemons
                # Nothing outlives a demo that is killed. There is one thread, so this is safe.
                preexec_fn=lambda: linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL),
            )

    def power_off(self) -> float:
        """Stop the host as a power cut does, and return when, by the monotonic clock."""
        assert self._process is not None
        others = family(self._process.pid)[1:]
        at_s = time.monotonic()
        self._process.kill()
        self._switch.remove(f"to-{self.name}")
        self._process.wait()
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process = None
        self._forget_namespace()
        return at_s

    def ask_to_stop(self) -> None:
        """The first half of an orderly end: SIGTERM. stop() is the other."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, deadline_s: float) -> None:
        """End the daemon, killed if it still runs at `deadline_s`, and give the namespace up."""
        if self._process is not None:
            others = family(self._process.pid)[1:]
            try:
                self._process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                for pid in others:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            self._process = None
        self._forget_namespace()

    def _forget_namespace(self) -> None:
        if self.watch is not None:
            self.watch.close()
            self.watch = None
        if self._namespace is not None:
            os.close(self._namespace)
            self._namespace = None

    def statuses(self) -> list[InstanceStatus]:
        """What its daemon says; nothing while the host is off or its daemon is still starting.

        Raises DemoError if the daemon has ended by itself.
        """
        if self._process is None:
            return []
        with contextlib.suppress(ControlError):
            return self._client.instances().instances
        if self._process.poll() is not None:
            status = self._process.returncode
            raise DemoError(f"demo: pyvrrpd on {self.name} ended with status {status}; its log is above")
        return []

    def set_broken(self, is_broken: bool) -> None:
        """Make the check script fail, or succeed again."""
        path = self.directory / "broken"
        if is_broken:
            path.touch()
        else:
            path.unlink(missing_ok=True)

    def notified(self) -> list[str]:
        """What the notify script was told so far: `web MASTER 150`."""
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "notified").read_text().splitlines()
        return []

    def log_tail(self) -> list[str]:
        """The end of the daemon's log."""
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "log").read_text(errors="replace").splitlines()[-LOG_LINES:]
        return []


class Stage:
    """The private network with its hosts. A context manager; leaving it removes everything.

    The calling process must have left the network of the machine (leave_network), and no handler of a signal may raise.
    """

    def __init__(self, addresses: dict[str, str]) -> None:
        """`addresses` are those of the hosts, by name. Raises DemoError, NetlinkError."""
        self._directory = Path(tempfile.mkdtemp(prefix="pyvrrp-demo-"))    # mode 0700
        self._switch: lab.Lab | None = None
        self.hosts: dict[str, Host] = {}
        try:
            self._switch = lab.Lab()
            self._switch.add_bridge(SWITCH)
            self._switch.up(SWITCH)
            for name, address in addresses.items():
                self.hosts[name] = Host(name, address, directory=self._directory / name, switch=self._switch)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the daemons within about STOP_S, and remove all there is."""
        deadline_s = time.monotonic() + STOP_S
        for host in self.hosts.values():
            host.ask_to_stop()
        for host in self.hosts.values():
            host.stop(deadline_s)
        if self._switch is not None:
            with contextlib.suppress(NetlinkError):
                self._switch.remove(SWITCH)
            self._switch.close()
            self._switch = None
        shutil.rmtree(self._directory, ignore_errors=True)
