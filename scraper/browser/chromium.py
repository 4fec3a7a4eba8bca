"""A headless Chromium of our own: started, bounded and ended.

It gets a profile folder that nobody else uses and that goes with it, shows and downloads nothing, asks for nothing, and
resolves no host but the site's. When this program is killed the browser ends too; what it then leaves on the disk is
removed by the next one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import selenium.webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.remote.webdriver import WebDriver
from urllib3.exceptions import HTTPError

from core.errors import MissingExtra
from core.locks import Held, hold_lock
from scraper.browser.guard import BrowserGuard
from scraper.errors import PageUnreachable

BROWSER_TROUBLE = (WebDriverException, HTTPError, OSError)
"""What WebDriver raises when the browser is stuck, gone or cannot do what it is told."""
LOGGER = logging.getLogger(__name__)
# WebDriver would write every page into the log of whoever asks for details.
logging.getLogger("selenium").setLevel(logging.INFO)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVER = "chromedriver"
COMMAND_S = 30.0
"""Longest wait for an answer of the driver; a browser that takes longer is stuck."""
_PREFIX = "tagsmith-browser-"
_OWNED = "owned.lock"
_NO = 2  # Chromium's value for "block" among content settings
_NONE = 3  # and for "all downloads" among download restrictions


@dataclass(frozen=True, slots=True)
class BrowserNeeds:
    """What a browser is started with.

    Attributes:
        user_agent: what it says of who asks.
        hosts: host names, with ``*`` for any part, that it may reach.
        headless: whether it stays invisible.
    """

    user_agent: str
    hosts: Sequence[str]
    headless: bool = True


class Chromium:
    """A running browser; :meth:`kill` ends it whatever state it is in.

    Raises:
        MissingExtra: Chromium or its driver is not installed.
        PageUnreachable: it does not start.
    """

    def __init__(self, needs: BrowserNeeds) -> None:
        browser, driver = _programs()
        self._stack = ExitStack()
        try:
            folder = self._stack.enter_context(_profile_folder())
            service = Service(str(_dying_with_parent(folder / DRIVER, driver)), popen_kw={"start_new_session": True})
            self._stack.callback(_kill_group, service)
            options = _options(needs, folder / "profile")
            options.binary_location = str(_dying_with_parent(folder / "browser", browser))
            self.driver = selenium.webdriver.Chrome(options=options, service=service)
            _bound_commands(self.driver)
            self.guard = BrowserGuard(service.process.pid)
            self._stack.callback(self.guard.close)
            self.port = int((folder / "profile" / "DevToolsActivePort").read_text().split()[0])
            self._home = self._focused = self.driver.current_window_handle
        except (*BROWSER_TROUBLE, ValueError) as error:
            self._stack.close()
            raise PageUnreachable(f"the browser does not start ({type(error).__name__})") from error
        except BaseException:
            self._stack.close()
            raise

    def new_tab(self) -> str:
        """Open an empty tab and return its id."""
        self.focus(self._home)
        self.driver.switch_to.new_window("tab")
        self._focused = self.driver.current_window_handle
        return self._focused

    def focus(self, tab: str) -> None:
        """Have the driver's next commands go to a tab."""
        if tab != self._focused:
            self.driver.switch_to.window(tab)
            self._focused = tab

    def close_tab(self, tab: str) -> None:
        """Close a tab."""
        self.focus(tab)
        self.driver.close()
        self._focused = ""

    def kill(self) -> None:
        """End the browser and everything it started, and remove its folder."""
        self._stack.close()


def _programs() -> tuple[str, str]:
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which(DRIVER)
    if browser is None or driver is None:
        raise MissingExtra(
            "the source 'browser' needs Chromium and its driver; on Debian: apt-get install chromium chromium-driver"
        )
    return browser, driver


def _options(needs: BrowserNeeds, profile: Path) -> Options:
    options = Options()
    # Commands return at once; what a page is waited for is said in scraper/browser/tab.py.
    options.page_load_strategy = "none"
    options.unhandled_prompt_behavior = "dismiss"
    only = "MAP * ~NOTFOUND" + "".join(f" , EXCLUDE {host}" for host in needs.hosts)
    arguments = [
        f"--user-agent={needs.user_agent}",
        f"--user-data-dir={profile}",
        f"--host-resolver-rules={only}",
        # The pipe is the driver's; the port is for scraper/browser/devtools.py, and the system chooses it.
        "--remote-debugging-pipe",
        "--remote-debugging-port=0",
        "--blink-settings=imagesEnabled=false",
        "--js-flags=--max-old-space-size=256",
        "--disk-cache-size=67108864",
        "--window-size=1280,1600",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-dev-shm-usage",
        "--disable-extensions",
        "--disable-notifications",
        "--disable-sync",
        "--mute-audio",
        "--no-first-run",
        *(["--headless=new"] if needs.headless else []),
    ]
    if os.geteuid() == 0:
        LOGGER.warning("Chromium runs without its sandbox, because it was started as root; an ordinary user has it")
        arguments.append("--no-sandbox")
    for argument in arguments:
        options.add_argument(argument)
    # The driver would let pages open windows.
    options.add_experimental_option("excludeSwitches", ["disable-popup-blocking"])
    blocked = ("notifications", "popups", "geolocation", "media_stream", "images", "automatic_downloads")
    preferences: dict[str, object] = {f"profile.default_content_setting_values.{setting}": _NO for setting in blocked}
    preferences |= {
        "download_restrictions": _NONE,
        "credentials_enable_service": False,
        "profile.password_manager_enabled": False,
    }
    options.add_experimental_option("prefs", preferences)
    return options


def _dying_with_parent(path: Path, program: str) -> Path:
    """Return a program that is ``program``, and that the kernel ends when its parent process ends.

    A crawl that is killed must not leave a browser behind that is logged in. Where ``setpriv`` (util-linux) is
    missing the program itself is returned.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return Path(program)
    path.write_text(f'#!/bin/sh\nexec "{setpriv}" --pdeathsig KILL -- "{program}" "$@"\n')
    path.chmod(0o700)
    return path


@contextlib.contextmanager
def _profile_folder() -> Iterator[Path]:
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_abandoned(old)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with hold_lock(folder / _OWNED):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove the folder of a browser whose program was killed; leave one that is at work, or another user's."""
    if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.geteuid():
        return
    try:
        with hold_lock(folder / _OWNED, wait=False):
            shutil.rmtree(folder, ignore_errors=True)
    except Held:
        return


def _bound_commands(driver: WebDriver) -> None:
    """Have no command wait longer than ``COMMAND_S``."""
    executor = driver.command_executor
    if isinstance(executor, RemoteConnection):
        executor.client_config.timeout = COMMAND_S


def _kill_group(service: Service) -> None:
    """End the driver and, being in its process group, the browser."""
    process = getattr(service, "process", None)
    if process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
