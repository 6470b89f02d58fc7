"""Make the virtual environment .venv with the exact versions of requirements.lock, and this package in it, editable.

    python tools/env/setup_env.py [--venv FOLDER]

Needs nothing but Python's own library, and may be started with any Python 3: where that one is not 3.11, 3.12 or 3.13, it
looks for one that is. A second call with nothing changed returns at once. Works on Linux, macOS and Windows. --venv makes
a second environment beside the first, with the Python that runs this script: for checks under another version.
"""

import argparse
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
LOCK = os.path.join(ROOT, "requirements.lock")
VENV = os.path.join(ROOT, ".venv")
SUITABLE = ((3, 13), (3, 12), (3, 11))


def venv_python(venv):
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(venv, folder, name)


def version_of(command):
    """(major, minor) of the Python that a command starts, or None where there is none."""
    try:
        done = subprocess.run(
            [*command, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, timeout=60
        )
        return tuple(map(int, done.stdout.split())) or None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def candidates():
    yield [sys.executable]
    for major, minor in SUITABLE:
        name = f"python{major}.{minor}"
        if os.name == "nt":
            yield ["py", f"-{major}.{minor}"]
        if shutil.which(name):
            yield [shutil.which(name)]
        home = os.path.expanduser("~")
        for pattern in (f"{home}/.pyenv/versions/{major}.{minor}.*/bin/python", f"{home}/.local/bin/{name}"):
            yield from ([path] for path in sorted(glob.glob(pattern), reverse=True))
    yield ["python3"]
    yield ["python"]


def suitable_python():
    seen = []
    for command in candidates():
        version = version_of(command)
        if version in SUITABLE:
            return command
        if version and version not in seen:
            seen.append(version)
    found = ", ".join("{}.{}".format(*version) for version in seen) or "none"
    raise SystemExit(
        f"This project runs on Python 3.11, 3.12 or 3.13; found: {found}.\n"
        "Install one of them (python.org, conda, pyenv, or your system's packages), or name it: make PYTHON=/path/to/python3.12"
    )


def fingerprint():
    """Of everything that decides what is in the environment."""
    digest = hashlib.sha256()
    for path in (LOCK, os.path.join(ROOT, "pyproject.toml"), os.path.abspath(__file__)):
        with open(path, "rb") as file:
            digest.update(file.read())
    digest.update(ROOT.encode())  # a copied .venv points at the folder it was made in
    return digest.hexdigest()


def stamp(venv):
    return os.path.join(venv, "made-from.txt")


def up_to_date(venv):
    try:
        with open(stamp(venv), encoding="utf-8") as file:
            return file.read().strip() == fingerprint() and os.path.exists(venv_python(venv))
    except OSError:
        return False


def locked(name):
    """The lines of requirements.lock that pin one package, hashes included."""
    with open(LOCK, encoding="utf-8") as file:
        found = re.search(rf"^{re.escape(name)}==.*(?:\n    --hash=.*)+", file.read(), flags=re.MULTILINE)
    if not found:
        raise SystemExit(f"requirements.lock does not pin {name}; run make lock")
    return found.group(0) + "\n"


def call(command, **keywords):
    done = subprocess.run(command, **keywords)
    if done.returncode:
        raise SystemExit(f"failed ({done.returncode}): {' '.join(command)}")


def make_venv(python, venv):
    if os.path.isdir(venv):
        shutil.rmtree(venv)
    done = subprocess.run([*python, "-m", "venv", venv], capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        raise SystemExit(
            f"Could not make a virtual environment with {' '.join(python)}:\n{done.stdout}{done.stderr}\n"
            "On Debian and Ubuntu the package python3-venv is missing: sudo apt install python3-venv"
        )


def install(python):
    with tempfile.TemporaryDirectory() as folder:
        requirement = os.path.join(folder, "uv.txt")
        with open(requirement, "w", encoding="utf-8") as file:
            file.write(locked("uv"))
        quiet = ["--quiet", "--disable-pip-version-check"]
        got_uv = not subprocess.run(
            [python, "-m", "pip", "install", *quiet, "--require-hashes", "-r", requirement]
        ).returncode
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    if got_uv:  # seconds instead of a minute
        # Compiled now, or every start of TensorFlow compiles it anew where the environment forbids writing bytecode.
        pip = [python, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    else:
        print("uv could not be installed; pip does the same more slowly.", flush=True)
        pip = [python, "-m", "pip", "install", *quiet]
    call([*pip, "--require-hashes", "-r", LOCK], env=environment)
    # No dependencies: the lock has them. No build isolation: the lock has hatchling too, so that nothing else is fetched.
    call([*pip, "--no-deps", "--no-build-isolation", "-e", ROOT], env=environment)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", help="folder of a second environment, made with the Python that runs this script")
    options = parser.parse_args()
    venv = os.path.abspath(options.venv) if options.venv else VENV
    if up_to_date(venv):
        return
    python = suitable_python()
    if options.venv and python != [sys.executable]:
        raise SystemExit("--venv takes the Python that runs this script, and that is not 3.11, 3.12 or 3.13")
    version = "{}.{}".format(*version_of(python))
    started = time.perf_counter()
    print(f"Making {os.path.relpath(venv)} with Python {version} from requirements.lock ...", flush=True)
    make_venv(python, venv)
    install(venv_python(venv))
    with open(stamp(venv), "w", encoding="utf-8") as file:
        file.write(fingerprint() + "\n")
    print(f"Made it in {time.perf_counter() - started:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
