"""What a student's process could try in order to get out, tried by the grader's own: `container.verify` runs it in a container.

    python -m grading.probe ORDER

prints a JSON list of what it reached, which should be empty.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from grading import child
from grading.container import WORK

ROOT_FOLDERS = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "proc", "dev", "tmp", WORK[1:]}
DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "shm", "pts", "ptmx", "core", "console"}
DEVICES |= {"fd", "stdin", "stdout", "stderr"}


def _works(action: Callable[[], object]) -> bool:
    try:
        action()
    except (OSError, ValueError, AttributeError):
        return False
    return True


def _connects(family: int, address: object) -> bool:
    def connect() -> None:
        with socket.socket(family) as one:
            one.settimeout(2)
            one.connect(address)

    return _works(connect)


def _write(path: str | Path) -> None:
    with open(path, "w") as file:
        file.write("x")


def _calls(order: dict) -> dict[str, bool]:
    libc, number = ctypes.CDLL(None, use_errno=True), order["calls"]
    key = libc.syscall(number["add_key"], b"user", b"tlbook", b"x", 1, -3)
    return {
        "a keyring": key >= 0 or libc.syscall(number["keyctl"], 0, -3, 1) >= 0,
        "mount": libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
        "a new namespace": libc.unshare(0x10000000) == 0 or libc.unshare(0x20000) == 0,
        "ptrace": libc.ptrace(16, os.getppid(), None, None) == 0,
        "memory that no limit counts": libc.shmget(0, 4096, 0o1600) >= 0 or _works(lambda: os.memfd_create("x")),
        "a setting of the kernel": _works(lambda: _write("/proc/sys/kernel/hostname")) or os.path.exists("/sys/kernel"),
        "a socket of the kernel": _works(lambda: socket.socket(16, socket.SOCK_RAW, 0)),
    }


def _status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def reached(order: dict) -> list[str]:
    """What of the outside was reached, each as "protection: what"."""
    found = []
    if os.path.exists(order["outside"]):
        found.append("files: a folder that was not shown")
    strange = set(os.listdir("/")) - ROOT_FOLDERS - {Path(path).parts[1] for path in order["folders"] if path != "/"}
    found += [f"files: /{name}" for name in sorted(strange)]
    for path in order["elsewhere"]:  # some are folders of its own in here; the grader looks whether anything came out
        _works(lambda path=path: _write(os.path.join(path, order["mark"])))
    for path in order["folders"]:
        if _works(lambda path=path: _write(os.path.join(path, order["mark"]))):
            found.append(f"files: write to {path}")
    for family, address, what in (
        (socket.AF_INET, ("127.0.0.1", order["port"]), "a port of this machine"),
        (socket.AF_UNIX, os.path.join(order["outside"], "socket"), "a socket file"),
        (socket.AF_UNIX, "\0" + order["abstract"], "an abstract socket"),
        (getattr(socket, "AF_VSOCK", 40), (2, 1), "the hypervisor"),
    ):
        if _connects(family, address):
            found.append(f"network: {what}")
    others = [name for name in os.listdir("/proc") if name.isdigit()]
    if len(others) > 3 or _works(lambda: os.kill(order["grader"], 0)):
        found.append("processes: one of the outside")
    status = _status()
    rights = {name: int(status[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")}
    if os.getuid() == 0 or any(rights.values()) or status["NoNewPrivs"] != "1" or status["Seccomp"] != "2":
        found.append(f"user: uid {os.getuid()}, {rights}")
    found += [f"kernel: {name}" for name, works in _calls(order).items() if works]
    found += [f"devices: {name}" for name in sorted(set(os.listdir("/dev")) - DEVICES)]
    if _works(lambda: _write("/dev/" + order["mark"])) or _works(lambda: os.mknod("/tmp/node", 0o20666, 0x0103)):
        found.append("devices: one was made")
    return found


def main() -> None:
    order = json.loads(sys.argv[1])
    child.become_nobody(order["grader"])
    print(json.dumps(reached(order)))


if __name__ == "__main__":
    main()
