"""A headless Chromium for the page's tests: how it is started, and what is asked of it again and again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from infra.setup.packages import program

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
PATIENCE = 30  # seconds

# Every text that is shown, with the ratio of its colour to that of the ground behind it (WCAG 2.2, 1.4.3).
CONTRASTS = """
const numbers = (text) => { const found = text.match(/[\\d.]+/g).map(Number); return found.length > 3 ? found : [...found, 1]; };
const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
const light = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = numbers(getComputedStyle(at).backgroundColor);
    if (colour[3] > 0.99) return colour;
  }
  return [255, 255, 255];
};
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const element = walk.currentNode.parentElement;
  const silent = element.closest("svg, script, noscript, .unseen, .skip") || !element.checkVisibility();
  if (silent || !walk.currentNode.data.trim()) continue;
  const [one, two] = [light(numbers(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
  found.push([walk.currentNode.data.trim(), (one + 0.05) / (two + 0.05)]);
}
return found;
"""


class Page:
    """The page in a browser."""

    def __init__(self, url: str, folder: Path) -> None:
        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.binary_location = program("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.url = url
        self.driver = webdriver.Chrome(options=options, service=Service(program("chromedriver")))

    def open(self, path: str = "/", *, width: int = 1280, dark: bool = False, still: bool = False) -> None:
        """Load the page anew as somebody with these wishes sees it."""
        wishes = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        self.command(
            "Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in wishes.items()]
        )
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}{path}")

    def command(self, name: str, **values: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, values)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent.trim())"
        return list(self.driver.execute_script(script, selector))

    def ask(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def until(self, question: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
        """Return the first true answer; an element that is not there yet is waited for, PATIENCE seconds at most."""
        waiting = WebDriverWait(self.driver, seconds, 0.1, [StaleElementReferenceException, IndexError])
        return waiting.until(lambda _: question())

    def listed(self) -> list[str]:
        """Wait for the list of films, and return their titles."""
        self.until(
            lambda: self.ask("return document.getElementById('films').getAttribute('aria-busy') === 'false'")
        )
        return self.texts("#films h3")

    def complaints(self) -> list[str]:
        """What the browser wrote to its console since the last call: blocked by the policy, failed, thrown."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


def picture(width: int = 60, height: int = 90) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + b"\x2a\x6f\x6b" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
