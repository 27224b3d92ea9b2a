"""What the tests of the console share: a simulator of its own for each, and one browser."""

import contextlib
import json
import re
import socketserver
import threading
import time
from pathlib import Path

import agw
import agw_simulator
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

PATIENCE_S = 10
CHROMIUM = """--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --disable-default-apps --window-size=1280,800""".split()


def until(condition):
    """Gives the first result that is not false."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


class Simulator(agw_simulator.Simulator):
    """The program, and where its console is."""

    console = None

    def _lines(self):
        for line in super()._lines():
            if line.startswith("console="):
                self.console = line.partition("=")[2]
            yield line

    def client(self):
        return agw.Client(self.url, ca=self.ca)

    def reject(self):
        """The library's call for the agent at whom a click lets it ring."""
        with self.client() as client:
            client.reject_agent_conf(154, self.guid())


@pytest.fixture
def start():
    """Starts simulators, which are stopped after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(Simulator("--quiet", *options))


@pytest.fixture
def simulator(start):
    return start()


@pytest.fixture(scope="session")
def outside():
    """The proxy for all that is not on loopback, which Chromium of itself asks for, too: it notes
    what it is asked, and gives nothing."""
    asked = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            asked.append(self.rfile.readline(1000))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


@pytest.fixture(scope="session")
def browser(outside):
    options = webdriver.ChromeOptions()
    for argument in [*CHROMIUM, f"--proxy-server=127.0.0.1:{outside[0]}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options, Service("/usr/bin/chromedriver")) as driver:
        yield driver


class Page:
    """The page as a person has it."""

    def __init__(self, browser):
        self.browser = browser

    def open(self, simulator):
        self.browser.get(simulator.console)
        until(lambda: self.text("#link") == "Live" and self.all("#list > li"))
        return self

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).innerText", selector).strip()

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def command(self, name, **arguments):
        return self.browser.execute_cdp_cmd(name, arguments)

    def button(self, what, agent="154"):
        return self.one(f"button[aria-label='{what}, agent {agent}']")

    def says(self, *words, agent="154"):
        """Waits until the page has these words on an agent."""
        card = "return cards.get(arguments[0])?.root.innerText ?? ''"
        until(lambda: all(word in self.run(card, agent) for word in words))

    def rows(self):
        """The visible entries of the timeline, newest first, without their times."""
        rows = self.run("return [...document.querySelectorAll('#entries > li')]"
                        ".filter((row) => row.checkVisibility()).map((row) => row.innerText)")
        return [re.sub(r"^\d\d:\d\d:\d\d\.\d{3}\s+", "", " ".join(row.split())) for row in rows]

    def told(self, row):
        until(lambda: any(row in one for one in self.rows()))

    def media(self, **features):
        named = [{"name": name.replace("_", "-"), "value": value}
                 for name, value in features.items()]
        self.command("Emulation.setEmulatedMedia", features=named)

    def requests(self):
        """The addresses that were asked for since the last time."""
        messages = [json.loads(entry["message"])["message"]
                    for entry in self.browser.get_log("performance")]
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"]


@pytest.fixture
def page(browser, start):  # noqa: ARG001 # its simulator is to be there to the end
    """A page, of which the browser must not have complained in the end, unless a test took it."""
    browser.get("about:blank")
    browser.get_log("browser")
    page = Page(browser)
    page.requests()
    yield page
    page.media()
    page.command("Emulation.clearDeviceMetricsOverride")
    complaints = browser.get_log("browser")
    browser.get("about:blank")
    assert complaints == []


@pytest.fixture(scope="session")
def axe():
    """axe-core, as a text."""
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
