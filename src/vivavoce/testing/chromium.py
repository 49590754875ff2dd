"""Headless Chromium, over its DevTools protocol: a page, what runs in it, and what it complains of.

async with browser.page("http://127.0.0.1:8700/") as page:
    await page.click("#call")
    await page.until("document.querySelector('#state').textContent === 'Listening'")
    assert page.complaints == []
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import shutil
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

COMMAND = "chromium"
WAIT_S = 60.0
"""How long a page may take until something is true of it."""
ANSWER_S = 90.0
"""How long DevTools may take for one command. Waiting for something is one, too."""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--mute-audio",
)
_KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), " ": (32, " ")}
"""The code without which the browser itself does nothing for a key, and the text that the key gives."""
_WAIT_FOR = """new Promise((resolve, reject) => {
  const over = performance.now() + %d;
  const look = () => {
    if (%s) resolve(true);
    else if (performance.now() > over) reject(new Error("never true: " + %s));
    else setTimeout(look, 15);
  };
  look();
})"""


class NoChromium(Exception):
    """It is not installed. The message says what to install."""


class PageError(AssertionError):
    """What a page threw, or was waited for in vain."""


class Page:
    """One tab. `complaints` are the errors and warnings of its console, and what was thrown and not caught."""

    def __init__(self, socket: ClientConnection) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._loaded = asyncio.Event()

    async def command(self, method: str, **params: object) -> Mapping[str, Any]:
        """One DevTools command. Raises `PageError` when it is refused, or not answered."""
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        try:
            answer = await asyncio.wait_for(reply, ANSWER_S)
        except TimeoutError:
            raise PageError(f"{method}: there was no answer within {ANSWER_S:g} s") from None
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        result: Mapping[str, Any] = answer["result"]
        return result

    async def listen(self) -> None:
        """Until the socket closes."""
        async for frame in self._socket:
            message: Mapping[str, Any] = json.loads(frame)
            if "id" in message:
                self._replies.pop(message["id"]).set_result(message)
            else:
                self._note(message["method"], message["params"])

    def _note(self, method: str, params: Mapping[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description") or details["text"])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                said = (str(each.get("value", each.get("description"))) for each in params["args"])
                self.complaints.append(" ".join(said))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    async def open(self, url: str) -> None:
        """Go there and wait until it is loaded."""
        for domain in ("Page", "Runtime", "Log"):
            await self.command(f"{domain}.enable")
        self._loaded.clear()
        await self.command("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), WAIT_S)

    async def run_first(self, script: str) -> None:
        """Run it in whatever is opened from now on, before anything else does."""
        await self.command("Page.enable")
        await self.command("Page.setBypassCSP", enabled=True)
        await self.command("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401  # whatever the page makes of it
        """What an expression gives, a promise's outcome included. Raises `PageError` for what it throws."""
        answer = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    async def until(self, expression: str, timeout: float = WAIT_S) -> None:
        """Wait until an expression is true. Raises `PageError` with what the page shows."""
        try:
            await self.evaluate(_WAIT_FOR % (timeout * 1000, expression, json.dumps(expression)))
        except PageError as error:
            shown = await self.evaluate("document.body.innerText")
            raise PageError(f"{error}\n--- complaints\n{self.complaints}\n--- the page shows\n{shown}") from None

    async def click(self, selector: str) -> None:
        """As a user does."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    async def choose(self, selector: str, value: str) -> None:
        """Give a field a value, as a user does."""
        await self.evaluate(
            f"""(() => {{
              const field = document.querySelector({json.dumps(selector)});
              field.value = {json.dumps(value)};
              for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, {{bubbles: true}}));
            }})()"""
        )

    async def key(self, key: str, down: bool = True, up: bool = True) -> None:
        """Press a key, release it, or both."""
        code, text = _KEYS.get(key, (0, key))
        about = {"key": key, "windowsVirtualKeyCode": code}
        if down:
            await self.command("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
        if up:
            await self.command("Input.dispatchKeyEvent", type="keyUp", **about)

    async def resize(self, width: int, height: int) -> None:
        """The size of the window, in CSS pixels."""
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def prefer(self, scheme: str) -> None:
        """What the system says of light and dark."""
        await self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def allow_microphone(self, allowed: bool) -> None:
        """What the user answers when a page asks for it; a tab that is opened is allowed to use it."""
        setting = "granted" if allowed else "denied"
        await self.command("Browser.setPermission", permission={"name": "microphone"}, setting=setting)

    async def screenshot(self) -> bytes:
        """The whole page, as PNG."""
        answer = await self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])


class Chromium:
    """A running browser. `address` is that of its DevTools, as it prints it."""

    def __init__(self, address: str) -> None:
        self._address = address

    @asynccontextmanager
    async def page(self, url: str, width: int = 1280, height: int = 900, script: str = "") -> AsyncIterator[Page]:
        """A tab of its own, which may use the microphone, loaded and then closed.

        `script` runs in it before its own ones, whatever the page allows.
        """
        async with connect(self._address, max_size=None, proxy=None) as control:
            await control.send(json.dumps({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}}))
            target = json.loads(await control.recv())["result"]["targetId"]
        parts = urlsplit(self._address)
        async with connect(f"ws://{parts.netloc}/devtools/page/{target}", max_size=None, proxy=None) as socket:
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            try:
                await page.resize(width, height)
                if script:
                    await page.run_first(script)
                await page.allow_microphone(True)
                await page.open(url)
                yield page
            finally:
                await page.command("Page.close")
                listening.cancel()
                await asyncio.wait([listening])


@contextmanager
def chromium(profile: Path, microphone: Path | None = None) -> Iterator[Chromium]:
    """Start a browser with a new profile in this folder.

    Each time a page opens the microphone it hears the WAV file `microphone` from the start, once, then silence;
    without one it hears Chromium's beeps. Raises `NoChromium`.
    """
    program = shutil.which(COMMAND)
    if program is None:
        raise NoChromium(f"There is no {COMMAND} here. Debian has it in its package `chromium`.")
    flags = [*_FLAGS, f"--user-data-dir={profile}"]
    if microphone is not None:
        flags.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    process = subprocess.Popen(
        [program, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    assert process.stderr is not None
    try:
        address, reader = _address(process.stderr)
        try:
            yield Chromium(address)
        finally:
            process.terminate()
            reader.join()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def _address(errors: IO[str]) -> tuple[str, Thread]:
    seen = []
    for line in errors:
        seen.append(line)
        if match := re.search(r"DevTools listening on (ws://\S+)", line):
            # Whatever else it prints must go somewhere, or it would wait until somebody reads.
            reader = Thread(target=lambda: deque(errors, maxlen=0), daemon=True)
            reader.start()
            return match[1], reader
    raise PageError("the browser did not start:\n" + "".join(seen))
