"""A headless Chromium, driven through chromedriver's HTTP interface (W3C WebDriver), without a package for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's id, fixed by the standard
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One browser window; use it in a ``with`` block."""

    def __init__(self, folder: Path, *, width: int = 1000, height: int = 900):
        self._log = open(folder / "chromedriver.log", "wb+")  # noqa: SIM115 (closed in __exit__)
        self._process = subprocess.Popen([DRIVER, "--port=0"], stdout=self._log, stderr=subprocess.STDOUT)
        root = [] if not hasattr(os, "geteuid") or os.geteuid() else ["--no-sandbox"]
        options = {
            "binary": CHROMIUM,
            "args": [*_FLAGS, *root, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}"],
        }
        try:
            self._address = f"http://127.0.0.1:{self._port(folder / 'chromedriver.log')}"
            capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        except BaseException:
            self._end()
            raise
        self._session = f"/session/{made['sessionId']}"

    def _port(self, log: Path) -> int:
        for _ in range(300):
            words = log.read_text(errors="replace")
            if "on port " in words.split("successfully")[-1] and "successfully" in words:
                return int(words.split("on port ")[-1].split(".")[0])
            time.sleep(0.1)
        raise RuntimeError(f"chromedriver did not start: {log.read_text(errors='replace')}")

    def _ask(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode(errors="replace")[:1000]) from error

    def open(self, url: str) -> None:
        self._ask("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments):
        """What a script returns; it sees the arguments as ``arguments[0]`` and so on."""
        return self._ask("POST", f"{self._session}/execute/sync", {"script": script, "args": list(arguments)})

    def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into a file input, as the dialogue would."""
        found = self._ask("POST", f"{self._session}/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"{self._session}/element/{found[_ELEMENT]}/value", {"text": str(path)})

    def wait(self, script: str, *arguments, seconds: float = 60):
        """What the script returns as soon as that is true."""
        end = time.monotonic() + seconds
        while not (found := self.run(script, *arguments)):
            if time.monotonic() > end:
                raise AssertionError(f"never true in the page: {script}; it says {self.text()!r}")
            time.sleep(0.05)
        return found

    def text(self) -> str:
        return self.run("return document.body.innerText")

    def complaints(self) -> list[str]:
        """What the page wrote to the console since the last call."""
        return [one["message"] for one in self._ask("POST", f"{self._session}/se/log", {"type": "browser"})]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._ask("DELETE", self._session)
        finally:
            self._end()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
