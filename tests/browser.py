"""A headless Chromium over its debugging pipe: real pages, real keys, real pixels; the standard library alone.

The Chrome DevTools Protocol as JSON, each message ended by a zero byte, on file descriptors 3 and 4 of the browser
(``--remote-debugging-pipe``): no port, no driver whose version must match.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["Browser", "Page", "find_chromium"]

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chrome")
ANSWER_WITHIN_S = 120
# Puts the pipe's ends where Chromium looks for them, whatever their numbers were.
_START = """import os, sys
ends = [os.dup(os.dup(int(n))) for n in sys.argv[1:3]]
ends = [os.dup(n) if n in (3, 4) else n for n in ends]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])"""
# Key -> code, text, Windows key code: what Chromium wants to know of the keys that the tests press.
KEYS = {
    "Tab": ("Tab", "", 9), "Enter": ("Enter", "\r", 13), "Escape": ("Escape", "", 27), " ": ("Space", " ", 32),
    "ArrowLeft": ("ArrowLeft", "", 37), "ArrowUp": ("ArrowUp", "", 38), "ArrowRight": ("ArrowRight", "", 39),
    "ArrowDown": ("ArrowDown", "", 40), "Home": ("Home", "", 36), "End": ("End", "", 35),
    "PageUp": ("PageUp", "", 33), "PageDown": ("PageDown", "", 34),
}  # fmt: skip


def find_chromium() -> str | None:
    """The browser's path: $HEADROOM_CHROMIUM, else the first of the usual names."""
    named = os.environ.get("HEADROOM_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One process; a page each for what is to be opened."""

    def __init__(self, program: str) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="headroom-chromium-", ignore_cleanup_errors=True)
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        flags = ["--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                 "--no-first-run", "--disable-extensions", "--disable-background-networking", "--mute-audio",
                 "--disable-dev-shm-usage", "--force-color-profile=srgb",
                 f"--user-data-dir={self._profile.name}"]  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(to_browser), str(from_browser), program, *flags],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        os.set_blocking(self._in, True)
        self._buffer = b""
        self._last = 0
        self.pages: dict[str, Page] = {}

    def close(self) -> None:
        """Ends the process and takes its profile away."""
        with contextlib.suppress(OSError):
            self._send("Browser.close", {}, None)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._profile.cleanup()

    def open(self, path: Path, *, width: int = 1280, height: int = 900, **features: Any) -> Page:
        """The page of a file, loaded; ``ratio``, ``mobile`` and ``reduced_motion`` as on a user's machine."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.resize(width, height, **features)
        page.ask("Page.navigate", url=path.resolve().as_uri())
        page.wait("document.readyState === 'complete'")
        return page

    def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Sends a command and returns its answer; events that come in between go to their pages."""
        number = self._send(method, parameters, session)
        while True:
            message = self._receive()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                answer: dict[str, Any] = message["result"]
                return answer
            if message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].heard(message)

    def _send(self, method: str, parameters: dict[str, Any], session: str | None) -> int:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        return self._last

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise RuntimeError(f"the browser ended ({self._process.poll()})")
            self._buffer += piece
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


class Page:
    """An open page: what it said, what it asked the network for, and a user's hands on it."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, for this page."""
        return self._browser.ask(method, self._session, **parameters)

    def heard(self, message: dict[str, Any]) -> None:
        """Keeps what a test looks at: errors, console lines, requests."""
        method, told = message["method"], message["params"]
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(" ".join(str(a.get("value", a.get("description"))) for a in told["args"]))
        elif method == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until the expression is true, looked at before each frame that the page draws."""
        script = f"""new Promise((done, fail) => {{
            const end = performance.now() + {ANSWER_WITHIN_S * 1000};
            const look = () => ({condition}) ? done(true)
                : performance.now() > end ? fail(new Error("not in time: " + {json.dumps(condition)}))
                : setTimeout(look, 5);
            look();
        }})"""
        self.run(script)

    def resize(
        self, width: int, height: int, *, ratio: float = 1, mobile: bool = False, reduced_motion: bool = False
    ) -> None:
        """The window's size in CSS pixels, and what kind of device it is on."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=ratio, mobile=mobile
        )
        self.ask("Emulation.setTouchEmulationEnabled", enabled=mobile)
        motion = "reduce" if reduced_motion else "no-preference"
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": motion}])

    def press(self, key: str, *, shift: bool = False, alt: bool = False) -> None:
        """A key goes down and up, wherever the focus is."""
        code, text, number = KEYS.get(key, ("", key, ord(key.upper()) if len(key) == 1 else 0))
        told = {
            "key": key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "modifiers": 8 * shift + 1 * alt,
        }
        self.ask(
            "Input.dispatchKeyEvent",
            type="keyDown" if text else "rawKeyDown",
            **({"text": text} if text else {}),
            **told,
        )
        self.ask("Input.dispatchKeyEvent", type="keyUp", **told)

    def mouse(self, kind: str, x: float, y: float, *, down: bool = False) -> None:
        """``mouseMoved``, ``mousePressed`` or ``mouseReleased`` at window coordinates."""
        button = "left" if down or kind != "mouseMoved" else "none"
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=int(down), clickCount=1)

    def click(self, selector: str) -> None:
        """The middle of an element, scrolled to."""
        box = self.box(selector)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, down=True)
        self.mouse("mouseReleased", x, y)

    def box(self, selector: str) -> dict[str, float]:
        """Where an element is in the window, after it was scrolled into view."""
        found: dict[str, float] = self.run(
            f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{ block: "center" }}); return e.getBoundingClientRect().toJSON(); }})()"""
        )
        return found

    def screenshot(self, *, whole: bool = False) -> bytes:
        """PNG of the window, or of the whole page."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"])

    def close(self) -> None:
        """Closes the tab."""
        self._browser.pages.pop(self._session, None)
        self._browser.ask("Target.closeTarget", targetId=self._target)
