"""The browser that the tests drive, and what they ask it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from tools.book import editions

BUILT = editions.built()
WIDE, NARROW = (1280, 900), (390, 844)
AXE = (resources.files("selenium_axe_python") / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
# Code is thousands of words in a few colours, and looking at each takes half a minute a page: of the words of one kind on one
# ground, one is left to stand for all; the others become part of the text around them. Nor does a fading colour count.
PREPARE = """
const style = document.createElement("style");
style.textContent = "* {transition: none !important; animation: none !important}";
document.head.append(style);
const seen = new Set();
for (const word of document.querySelectorAll(".highlight pre span:not(.line), dt.sig span, dt.sig em, code span")) {
  const around = word.parentElement.closest("div[class*='highlight-'], dt.sig, a, code");
  const ground = Boolean(word.closest(".cell_output, .admonition, table"));
  const kind = [word.tagName, word.className, around?.className, ground].join("|");
  if (word.id || word.querySelector("a")) continue;
  if (seen.has(kind)) word.replaceWith(...word.childNodes); else seen.add(kind);
}
document.querySelector("main")?.normalize();
"""
# By colour alone: what may differ between the light and the dark page.
AXE_RUN = """
const [colours, done] = arguments;
axe.run(document, {
  runOnly: colours
    ? {type: "rule", values: ["color-contrast", "link-in-text-block"]}
    : {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
  rules: colours ? {} : {"target-size": {enabled: true}},
  resultTypes: ["violations"],
  preload: false,
}).then((results) => done(results.violations.map((violation) => [
  violation.id, violation.nodes.map((node) => node.target.join(" ") + " | " + (node.any[0]?.message || ""))
])));
"""
# What sticks out of the window on the right and cannot be scrolled to within a box of its own.
STICKING_OUT = """
const width = document.documentElement.clientWidth;
const scrolls = (element) => {
  for (; element && element !== document.body; element = element.parentElement)
    if (getComputedStyle(element).overflowX !== "visible") return true;
  return false;
};
const found = [];
if (document.scrollingElement.scrollWidth > width) found.push(`page is ${document.scrollingElement.scrollWidth} wide`);
for (const element of document.querySelectorAll("main *")) {
  const box = element.getBoundingClientRect();
  if (box.width && box.height && box.right > width + 1 && !scrolls(element.parentElement) && !scrolls(element))
    found.push(element.tagName + "." + element.className + ": " + element.textContent.trim().slice(0, 40));
}
return found.slice(0, 5);
"""


@dataclasses.dataclass
class Site:
    """Where the server is."""

    base: str

    def address(self, edition: str, page: str) -> str:
        folder = editions.SITE_FOLDERS[edition] if len(BUILT) > 1 else "."
        return f"{self.base}/{page}" if folder == "." else f"{self.base}/{folder}/{page}"


class Browser:
    """A headless Chromium that cannot reach anything but this machine, and notes what it asked for."""

    def __init__(self, binary: str, driver: str) -> None:
        options = Options()
        options.binary_location = binary
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.driver.set_script_timeout(120)

    def start_anew(self) -> None:
        """A wide, light window that remembers nothing."""
        self.driver.get("about:blank")
        self.cdp("Network.clearBrowserCache")
        self.cdp("Storage.clearDataForOrigin", origin="*", storageTypes="local_storage")
        self.cdp("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "light"}])
        self.size(WIDE)
        self.driver.get_log("browser")
        self.driver.get_log("performance")

    def cdp(self, command: str, **arguments) -> dict:
        return self.driver.execute_cdp_cmd(command, arguments)

    def size(self, size: tuple[int, int]) -> None:
        self.cdp("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)

    def open(self, address: str) -> None:
        """Load a page and wait until its formulas are set and its scripts have run."""
        self.driver.get(address)
        self.wait("return document.readyState === 'complete'")
        self.driver.execute_async_script(
            "const done = arguments[0]; (window.MathJax?.startup?.promise || Promise.resolve()).then(() => done())"
        )

    def script(self, text: str, *arguments):
        return self.driver.execute_script(text, *arguments)

    def wait(self, script: str, seconds: float = 10):
        """Until a script returns something true."""
        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(
            lambda driver: driver.execute_script(script)
        )

    def until(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        """Until something is so."""
        WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda driver: holds())

    def requests(self) -> list[str]:
        """Addresses asked for since the last call."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def errors(self) -> list[str]:
        """What was written to the console as an error since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def violations(self, colours: bool = False) -> list[str]:
        """What axe-core finds against WCAG 2.2 A and AA on the page as it is shown now; or by the rules on colour alone."""
        if not self.script("return Boolean(window.axe)"):
            self.script(PREPARE)
            self.script(AXE)
        found = self.driver.execute_async_script(AXE_RUN, colours)
        return [f"{rule}: {node}" for rule, nodes in found for node in nodes[:5]]


def html_of(edition: str, page: str) -> str:
    return (Path(BUILT[edition]) / page).read_text(encoding="utf-8")
