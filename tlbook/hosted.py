"""What the first cell of a chapter says on Colab and Kaggle, after it has installed this package there.

Whether the machine has a GPU, and how long the chapter takes with and without
one, so that nobody waits for an hour because the runtime was not switched, nor
switches it for nothing. TensorFlow is not imported for this.
"""

from __future__ import annotations

import subprocess

from tlbook._checks import number

__all__ = ["gpu_name", "welcome"]


def gpu_name() -> str:
    """The name of the first NVIDIA GPU, or an empty string where there is none.

    Returns
    -------
    str
        As the driver's own command ``nvidia-smi`` gives it, e.g. ``"Tesla T4"``.
    """
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().partition("\n")[0].strip() if done.returncode == 0 else ""


def _minutes(value: float) -> str:
    if value < 0.75:
        return "less than a minute"
    return f"about {value:.0f} minute{'' if round(value) == 1 else 's'}"


def welcome(*, cpu: float | None = None, cores: int | None = None, gpu: float | None = None) -> None:
    """Print whether there is a GPU, and how long the chapter takes with and without one.

    Parameters
    ----------
    cpu, gpu : float, optional
        Minutes that the chapter took without and with a GPU, where it was
        measured.
    cores : int, optional
        How many CPU cores `cpu` was measured on.

    Examples
    --------
    >>> from tlbook import hosted
    >>> hosted.welcome(cpu=3.2, cores=4, gpu=0.6)  # doctest: +SKIP
    No GPU here. This chapter takes about 3 minutes without a GPU (on 4 cores), less than a minute with one.
    """
    for name, value in (("cpu", cpu), ("cores", cores), ("gpu", gpu)):
        if value is not None:
            number(value, name, 0, ends="()")
    found = gpu_name()
    here = f"GPU: {found}." if found else "No GPU here."
    without = "" if cpu is None else f"{_minutes(cpu)} without a GPU" + (f" (on {cores} cores)" if cores else "")
    if without and gpu is not None:
        print(f"{here} This chapter takes {without}, {_minutes(gpu)} with one.")
    elif without:
        print(f"{here} This chapter takes {without}; with one it was not timed.")
    elif gpu is not None:
        print(f"{here} This chapter takes {_minutes(gpu)} with a GPU; without one it was not timed.")
    else:
        print(f"{here} How long this chapter takes was not measured.")
    if not found and cpu is not None and gpu is not None and cpu > 10 and gpu < cpu / 2:
        print("To have a GPU, choose another runtime before you go on (on Colab: Runtime > Change runtime type).")
