"""What the system offers to keep a student's process to itself.

On Linux, where user namespaces are allowed: no network, no sight of other processes, every file read-only except a work folder of
limited size, and named folders (other submissions, solutions, results) empty. None of it needs root. Elsewhere the process
still has its limits on time, memory, files and output, and the report says what is missing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

__all__ = ["PROTECTIONS", "confine", "die_with_parent", "limit"]

PROTECTIONS = {
    "network": "no network",
    "files": "files read-only outside the work folder",
    "hidden": "solutions, results and other submissions out of sight",
    "processes": "other processes out of sight",
}

NEW_MOUNTS, NEW_USER, NEW_PROCESSES, NEW_NETWORK, NEW_IPC = 0x20000, 0x10000000, 0x20000000, 0x40000000, 0x08000000
READ_ONLY, NO_SUID, NO_DEV, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
DIE_WITH_PARENT, NO_NEW_PRIVILEGES, DROP_BOUNDING, CLEAR_AMBIENT = 1, 38, 24, 47
KEPT_WRITABLE = ("/proc", "/sys", "/dev")


class _Libc:
    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)

    def __getattr__(self, name: str):
        function = getattr(self.libc, name)

        def call(*args):
            if function(*args) != 0:
                code = ctypes.get_errno()
                raise OSError(code, f"{name}: {os.strerror(code)}")

        return call


def limit(*, memory: int, file_size: int, processes: int) -> None:
    """Hard limits of this process and its children; those that the system does not know are left out."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, value in (("DATA", memory), ("FSIZE", file_size), ("NPROC", processes), ("CORE", 0)):
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is None or (name == "NPROC" and os.getuid() == 0):
            continue
        with contextlib.suppress(ValueError, OSError):
            hard = resource.getrlimit(which)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (value, value))


def confine(work: str, hide: list[str], keep: list[str], work_bytes: int, allowed: bool = True) -> list[str]:
    """Shut this process in. It must have one thread only; afterwards it is another process with the same open files.

    Parameters
    ----------
    work : str
        The folder that stays writable, however it is hidden; what lies in it is copied into a file system of limited size.
    hide : list of str
        Folders that shall look empty, except for Python and its packages where those lie in one.
    keep : list of str
        Folders in those that stay visible.
    work_bytes : int
        Size of the work folder's file system, and of /tmp and /dev/shm.
    allowed : bool
        False leaves everything as it is: for tests of what remains without.

    Returns
    -------
    list of str
        Keys of `PROTECTIONS` that hold from now on.
    """
    if not allowed or not sys.platform.startswith("linux"):
        return []
    libc = _Libc()
    user, group = os.getuid(), os.getgid()
    try:
        libc.unshare(NEW_USER | NEW_MOUNTS | NEW_PROCESSES | NEW_NETWORK | NEW_IPC)
    except OSError:
        return []
    active = ["network"]
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _first_process_of_its_own(libc)
    with contextlib.suppress(OSError):
        libc.mount(None, b"/", None, RECURSIVE | PRIVATE, None)
    try:
        libc.mount(b"proc", b"/proc", b"proc", NO_SUID | NO_DEV, None)
        active.append("processes")
    except OSError:
        pass
    try:
        never = [os.path.realpath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        _hide(libc, hide, [os.path.realpath(work), *map(os.path.realpath, keep), *_python_folders(never)])
        active.append("hidden")
    except OSError:
        pass
    try:
        _only_writable(libc, work, work_bytes)
        active.append("files")
    except OSError:
        pass
    _give_up_rights(libc)
    return active


def die_with_parent() -> None:
    """Should the grader be killed, nothing that it started goes on."""
    if sys.platform.startswith("linux"):
        _Libc().prctl(DIE_WITH_PARENT, 9, 0, 0, 0)


def _first_process_of_its_own(libc: _Libc) -> None:
    """Fork: the child is process 1 of the new namespace, and with it dies everything it started."""
    child = os.fork()
    if child:
        # The outer process holds none of the pipes, so that their ends close when the inner one ends.
        os.closerange(3, 4096)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    libc.prctl(DIE_WITH_PARENT, 9, 0, 0, 0)


def _hide(libc: _Libc, folders: list[str], keep: list[str]) -> None:
    """Put an empty file system over each folder, and through it show the folders in it that are kept."""
    for folder in sorted({os.path.realpath(folder) for folder in folders}, key=len):
        if folder == "/" or not os.path.isdir(folder):
            continue
        inside = sorted({path for path in keep if path.startswith(folder + "/") and os.path.isdir(path)}, key=len)
        opened = [os.open(path, os.O_PATH) for path in inside]
        try:
            libc.mount(b"none", os.fsencode(folder), b"tmpfs", NO_SUID | NO_DEV, b"size=1m")
            for path, fd in zip(inside, opened, strict=True):
                if not os.path.exists(path):
                    os.makedirs(path)
                    libc.mount(f"/proc/self/fd/{fd}".encode(), os.fsencode(path), None, BIND | RECURSIVE, None)
            libc.mount(None, os.fsencode(folder), None, REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEV, None)
        finally:
            for fd in opened:  # from an open folder ".." would lead out
                os.close(fd)


def _python_folders(never: list[str]) -> list[str]:
    """Where this Python, its packages and what starts it lie."""
    found = {sys.prefix, sys.base_prefix, os.path.dirname(os.path.dirname(os.path.realpath(sys.executable))), *sys.path}
    return [path for path in map(os.path.realpath, found) if path != "/" and path not in never]


def _only_writable(libc: _Libc, work: str, size: int) -> None:
    contents = {}
    for folder, _, files in os.walk(work):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                contents[os.path.relpath(path, work)] = file.read()
    options = f"size={size}".encode()
    places = [work] if work.startswith("/tmp/") else [work, "/tmp"]
    mounted = _mount_points()
    for point in mounted:
        if point.startswith(KEPT_WRITABLE):
            continue
        flags = _flags(point)
        with contextlib.suppress(OSError) if point != "/" else contextlib.nullcontext():
            libc.mount(None, os.fsencode(point), None, REMOUNT | BIND | READ_ONLY | flags, None)
    for place in [*places, *(["/dev/shm"] if "/dev/shm" in mounted else [])]:
        libc.mount(b"none", os.fsencode(place), b"tmpfs", NO_SUID | NO_DEV, options)
    for path, blob in contents.items():
        target = os.path.join(work, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(blob)
    os.chdir(work)


def _mount_points() -> list[str]:
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = [line.split()[1].encode().decode("unicode_escape") for line in file]
    return sorted(set(points))


def _flags(point: str) -> int:
    """Flags that a mount has and must keep when it is mounted again."""
    found = os.statvfs(point).f_flag
    same = {os.ST_NOSUID: NO_SUID, os.ST_NODEV: NO_DEV, os.ST_NOEXEC: 8}
    return sum(flag for bit, flag in same.items() if found & bit)


def _give_up_rights(libc: _Libc) -> None:
    """No capability is left, so that what was mounted cannot be unmounted; a program that is started gets none either."""
    for capability in range(64):
        with contextlib.suppress(OSError):
            libc.prctl(DROP_BOUNDING, capability, 0, 0, 0)
    with contextlib.suppress(OSError):
        libc.prctl(CLEAR_AMBIENT, 4, 0, 0, 0)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    none = (ctypes.c_uint32 * 6)()
    with contextlib.suppress(OSError):
        libc.capset(header, none)
