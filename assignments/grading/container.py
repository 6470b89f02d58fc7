"""The container of a student's process: an allow-list built by bubblewrap, tried by the grader before any student's code runs.

Inside are the system's programs, Python, its packages and the data of the book, all read-only, and a work folder of limited size;
nothing else is there to be read. No network, no other processes, a user without rights, no system call that reaches further. If a
part of it cannot be had, bubblewrap does not start, and grading ends before it has begun.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = [
    "WORK",
    "NotContained",
    "command",
    "environment",
    "folders",
    "program",
    "program_pipe",
    "verify",
]

WORK = "/notebook"
"""The work folder, inside."""

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/alternatives")
NEEDED = (
    "`apt-get install bubblewrap libseccomp2` and `pip install pyseccomp` bring what is needed on Debian and Ubuntu"
)

# What reaches out of a container or outlives it, or holds memory that no limit counts. All give "operation not permitted".
FORBIDDEN = [
    *("keyctl", "add_key", "request_key"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
    *("mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick"),
    *("mount_setattr", "unshare", "setns", "name_to_handle_at", "open_by_handle_at"),
    *(
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "fanotify_init",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
    ),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff"),
    *("acct", "quotactl", "syslog", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname"),
    *("setdomainname", "iopl", "ioperm", "mknod", "mknodat", "personality", "vhangup", "lookup_dcookie"),
    *("shmget", "semget", "msgget", "mq_open", "memfd_create", "memfd_secret"),
]


class NotContained(RuntimeError):
    """A student's process cannot be contained on this system; the text says what is missing."""


@functools.cache
def program() -> bytes:
    """The filter of system calls, as the kernel reads it.

    Raises
    ------
    NotContained
        If libseccomp or its Python package is not there.
    """
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise NotContained(f"system calls cannot be filtered: {error}; {NEEDED}") from error
    chosen = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(1)
    for name in FORBIDDEN:
        with contextlib.suppress(OSError, ValueError):  # a name that this architecture does not have
            chosen.add_rule(refused, name)
    inet6 = 10  # the last family with a namespace of its own; beyond it are netlink, packets, the hypervisor
    chosen.add_rule(refused, "socket", pyseccomp.Arg(0, pyseccomp.GT, inet6))
    new_user = 0x10000000
    chosen.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, new_user, new_user))
    chosen.add_rule(
        pyseccomp.ERRNO(38), "clone3"
    )  # its flags are out of a filter's sight; the C library then takes clone
    inject = 0x5412  # TIOCSTI: to type into a terminal
    chosen.add_rule(refused, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, inject))
    with tempfile.TemporaryFile() as file:
        chosen.export_bpf(file)
        file.seek(0)
        return file.read()


def _numbers(*names: str) -> dict[str, int]:
    import pyseccomp

    return {name: pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) for name in names}


def folders() -> list[str]:
    """What is visible beside the system: Python, its packages, the book's package and records, the child's own program."""
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages", "lib-dynload")]
    python = [sys.prefix, sys.base_prefix, os.path.dirname(os.path.realpath(sys.executable))]
    wanted = [*python, *packages, PROJECT / "tlbook", PROJECT / "book" / "results", HERE]
    found = sorted({os.path.realpath(path) for path in wanted if os.path.isdir(path)} | {sys.prefix}, key=len)
    kept: list[str] = []
    for path in found:
        if not any(path == one or path.startswith(one + "/") for one in ["/usr", *kept] if one != "/usr/local"):
            kept.append(path)
    return [path for path in kept if path not in SYSTEM]


def command(
    program_fd: int,
    arguments: list[str],
    *,
    work_bytes: int,
    shown: dict[str, str] | None = None,
) -> list[str]:
    """The command line that runs Python with `arguments` in a container.

    Parameters
    ----------
    program_fd : int
        Where :func:`program` is read from.
    arguments : list of str
        Of Python.
    work_bytes : int
        Size of the work folder, of /tmp and of shared memory, each.
    shown : dict of str to str, optional
        Files and folders more, by where they lie inside.

    Raises
    ------
    NotContained
        If bubblewrap is not installed.
    """
    if not (bubblewrap := shutil.which("bwrap")):
        raise NotContained(f"bubblewrap (bwrap) is not installed; {NEEDED}")
    line = [bubblewrap, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    line += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if os.getuid() == 0:
        line += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]  # to become nobody, with the child's first step
    else:
        line += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    for path in SYSTEM:
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            line += ["--ro-bind", path, path]
    seen = folders()
    if os.path.isdir("/usr/local") and "/usr/local" not in seen:
        line += ["--tmpfs", "/usr/local"]
    line += ["--perms", "0755", "--dir", "/etc"]
    for path in SETTINGS:
        line += ["--ro-bind-try", path, path]
    line += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/dev/shm", "/tmp", WORK):
        line += ["--perms", "1777", "--size", str(work_bytes), "--tmpfs", path]
    for path in seen:  # after /tmp, in which one may lie
        for parent in [*Path(path).parents][-2::-1]:  # bubblewrap would make them for its own user alone
            line += ["--perms", "0755", "--dir", str(parent)] if not str(parent).startswith(("/usr", *seen)) else []
        line += ["--ro-bind", path, path]
    for inside, path in (shown or {}).items():
        line += ["--ro-bind", path, inside]
    for path in ("/usr/local", "/dev", "/"):
        line += ["--remount-ro", path] if path != "/usr/local" or "/usr/local" not in seen else []
    line += ["--seccomp", str(program_fd), "--chdir", WORK, "--", sys.executable, *arguments]
    return line


def environment(work: str) -> dict[str, str]:
    """Variables of the child's process."""
    kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT", "OMP_NUM_THREADS")
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(PROJECT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",  # what was printed before a process was stopped is not lost
        "HOME": work,
        "USER": "student",
        "LOGNAME": "student",
        "TMPDIR": os.path.join(work, "tmp"),
        "IPYTHONDIR": os.path.join(work, ".ipython"),
        "MPLCONFIGDIR": os.path.join(work, ".matplotlib"),
        "KERAS_HOME": os.path.join(work, ".keras"),
        "TLBOOK_CACHE": os.path.join(work, ".cache"),
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": "1",
    }


def program_pipe() -> int:
    """An open file from which the filter of system calls can be read once."""
    read, write = os.pipe()
    os.write(write, program())  # some hundred bytes: a pipe holds them
    os.close(write)
    return read


@functools.cache
def verify() -> None:
    """Start a container with the grader's own program in it, which tries what a student's might.

    Raises
    ------
    NotContained
        If it could not be started, or reached something; the text names what.
    """
    if not sys.platform.startswith("linux"):
        raise NotContained(f"containers are made by bubblewrap, on Linux; this is {sys.platform}")
    with contextlib.ExitStack() as stack:
        outside = stack.enter_context(tempfile.TemporaryDirectory(prefix="tlbook-outside-"))
        Path(outside, "secret.txt").write_text("solutions")
        network = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        paths = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        paths.bind(os.path.join(outside, "socket"))
        abstract = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        hidden = f"\0tlbook-{secrets.token_hex(8)}"
        abstract.bind(hidden)
        for one in (paths, abstract):
            one.listen()
        fd = program_pipe()
        mark = f"grading-{secrets.token_hex(8)}"
        order = {
            "outside": outside,
            "port": network.getsockname()[1],
            "abstract": hidden[1:],
            "grader": os.getpid(),
            "calls": _numbers("keyctl", "add_key"),
            "mark": mark,
            "folders": [*folders(), "/usr", "/usr/local", "/", "/etc"],
            "elsewhere": [tempfile.gettempdir(), "/dev/shm", "/var/tmp", str(Path.home()), str(PROJECT)],
        }
        try:
            line = command(fd, ["-P", "-m", "grading.probe", json.dumps(order)], work_bytes=2**20)
            done = subprocess.run(
                line,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                pass_fds=(fd,),
                env=environment(WORK),
                timeout=120,
            )
        except subprocess.TimeoutExpired as error:
            raise NotContained("the container did not answer within two minutes") from error
        finally:
            os.close(fd)
        if done.returncode:
            raise NotContained(
                f"bubblewrap could not make a container: {done.stderr.strip()[-300:] or done.returncode}"
            )
        reached = json.loads(done.stdout)
        left = [path for path in order["folders"] + order["elsewhere"] if os.path.exists(os.path.join(path, mark))]
        reached += [f"files: a file was made in {path}" for path in left]
    if reached:
        raise NotContained("a process in the container reached " + "; ".join(reached))
