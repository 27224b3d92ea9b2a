"""The console's page in Chromium, with the library at the other end."""

import http.server
import signal
import subprocess
import sys
import threading

import agw
import pytest
from conftest import until
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.support.ui import Select


def press(page, *keys):
    ActionChains(page.browser).send_keys(*keys).perform()


def focused(page):
    """The name of what has the focus."""
    return page.run("const it = document.activeElement; return it.ariaLabel ?? it.innerText.trim()")


def tab_to(page, name):
    for _ in range(60):
        press(page, Keys.TAB)
        if focused(page) == name:
            return
    raise AssertionError(f"the Tab key does not lead to {name}")


def choose_fault(page, name):
    page.one("#set-fault").click()
    Select(page.one("#fault [name=fault]")).select_by_value(name)


def test_what_rings_by_a_click_is_rejected_by_the_library(page, simulator):
    page.open(simulator).button("Ring").click()
    page.says("Ringing", "1031168")
    page.told("Event 154 AgentConf_Ringing confId=1031168")
    simulator.reject()
    page.told("Request 154 rejectAgentConf retcode=0")
    page.told("Event 154 AgentOther_PhoneRelease phoneState=2")
    page.says("Signed in", "3 waiting")
    page.button("Ring").click()
    page.says("Ringing", "1031169")
    page.button("Cancel").click()
    page.says("Signed in")
    with pytest.raises(agw.NoConferenceError):
        simulator.reject()
    page.told("Request 154 rejectAgentConf retcode=101-001")


def test_a_guid_that_died_by_a_click_is_refused(page, simulator):
    page.open(simulator).button("Expire Guid").click()
    page.says("dead")
    with pytest.raises(agw.SessionError) as refused:
        simulator.reject()
    assert refused.value.retcode == "100-006"
    page.told("Request 154 rejectAgentConf retcode=100-006")


def test_a_fault_by_a_click_strikes_the_next_request(page, simulator):
    choose_fault(page.open(simulator), "half")
    page.one("#fault .main").click()
    to_come = "To come: half (rejectagentconf) \N{MULTIPLICATION SIGN} 1"
    until(lambda: page.text("#faults") == to_come)
    with pytest.raises(agw.ConnectionLostError):
        simulator.reject()
    page.told("Fault 154 fault half")
    until(lambda: page.text("#faults") == "No faults to come.")
    choose_fault(page, "foreign-certificate")
    assert not page.one("#fault [name=path]").is_enabled()
    page.one("#fault [name=count]").clear()
    page.one("#fault .main").click()
    until(lambda: page.text("#faults") == "To come: foreign-certificate, until ended")
    with pytest.raises(agw.TlsError):
        simulator.reject()
    page.one("#end-faults").click()
    until(lambda: page.text("#faults") == "No faults to come.")
    with pytest.raises(agw.NoConferenceError):
        simulator.reject()


def test_what_cannot_be_done_is_said_in_the_dialog(page, start):
    choose_fault(page.open(start("--http")), "tls12")
    page.one("#fault .main").click()
    until(lambda: page.all("dialog[open] #failed"))
    until(lambda: page.text("#failed") == "Not done: tls12 needs HTTPS, and this is plain HTTP")
    assert len(page.all("dialog[open]")) == 1
    page.one("#fault [data-close]").click()
    page.button("Ring").click()
    until(lambda: page.all("main #done"))
    until(lambda: page.text("#done") == "Conference 1031168 rings at 154.")
    page.browser.get_log("browser")


def test_a_reset_is_asked_back_and_done(page, simulator):
    page.open(simulator).button("Expire Guid").click()
    page.says("dead")
    page.one("#reset").click()
    page.one("#again [data-close]").click()
    page.says("dead")
    page.one("#reset").click()
    page.one("#again .main").click()
    page.says("stays good")
    with pytest.raises(agw.NoConferenceError):
        simulator.reject()


def test_the_age_of_a_guid_is_told(page, start):
    simulator = start("--expire-after", "8")
    page.open(simulator).says(" s old", "dies in ")
    before = page.text("[data-is=guid]")
    until(lambda: page.text("[data-is=guid]") not in ("dead", before))
    page.says("dead")


def test_whether_a_poll_waits_is_told(page, simulator):
    page.open(simulator)
    with simulator.client() as client:
        client.sign_in(154, phone="40038", force=True)
        poll = threading.Thread(target=client.next_event, args=(154,))
        poll.start()
        until(lambda: page.text("[data-is=poll]") == "waiting")
        page.button("Ring").click()
        poll.join()
    page.told("Request 154 getAgentEvent retcode=0 event=AgentConf_Ringing")
    until(lambda: page.text("[data-is=poll]") == "none")


def test_all_of_it_goes_by_keyboard(page, simulator):
    page.open(simulator)
    press(page, Keys.TAB)
    assert focused(page) == "Skip to the timeline"
    tab_to(page, "Ring, agent 154")
    outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    press(page, Keys.ENTER)
    page.says("Ringing")
    assert focused(page) == "Ring, agent 154"
    tab_to(page, "Answer with…, agent 154")
    press(page, Keys.SPACE)
    until(lambda: page.all("dialog[open]"))
    assert page.run("return document.activeElement.name") == "retcode"
    ActionChains(page.browser).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
    press(page, "100-007", Keys.ENTER)
    until(lambda: not page.all("dialog[open]"))
    assert focused(page) == "Answer with…, agent 154"
    page.says("1 as set")
    with pytest.raises(agw.GatewayError) as refused:
        simulator.reject()
    assert refused.value.retcode == "100-007"
    page.says("by the rules")
    press(page, Keys.SPACE)
    until(lambda: page.all("dialog[open]"))
    press(page, Keys.ESCAPE)
    until(lambda: not page.all("dialog[open]"))
    tab_to(page, "Pause")
    press(page, Keys.ENTER)
    assert focused(page) == "Resume"


VIOLATIONS = """
const [done] = [...arguments].slice(-1);
axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
    .then(({ violations }) => done(violations.map(({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => html + failureSummary).join(" | ")}`)));
"""


def violations(page, axe):
    page.run(axe)
    page.run("document.getAnimations().forEach((one) => one.finish())")
    return page.browser.execute_async_script(VIOLATIONS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(page, simulator, axe, scheme, width):
    page.media(prefers_color_scheme=scheme)
    page.command("Emulation.setDeviceMetricsOverride", width=width, height=800,
                 deviceScaleFactor=1, mobile=width < 500)
    page.open(simulator)
    assert violations(page, axe) == []
    page.button("Ring").click()
    page.says("Ringing")
    with simulator.client() as client, pytest.raises(agw.GatewayError):
        client.reject_agent_conf(155, "wrong")
    page.button("Expire Guid", "155").click()
    page.told("Request 155 rejectAgentConf retcode=100-006")
    page.run("document.querySelector('details').open = true")
    until(lambda: page.text("#done"))
    assert violations(page, axe) == []
    for opener in ["[data-do=answer]", "#set-fault", "#reset"]:
        page.one(opener).click()
        assert violations(page, axe) == []
        page.one("dialog[open] [data-close]").click()
    assert page.run("return document.documentElement.scrollWidth") <= width
    page.run("document.querySelector('#pause').textContent = ''")
    assert "button-name" in "".join(violations(page, axe))


def test_the_timeline_is_read_out_and_stands_still_on_demand(page, simulator):
    page.open(simulator)
    log = page.one("[role=log]")
    assert log.accessible_name == "Timeline"
    page.one("#pause").click()
    page.button("Ring").click()
    page.says("Ringing")
    until(lambda: page.text("#pause") == "Resume (2)")
    assert page.rows() == []
    page.one("#pause").click()
    page.told("AgentConf_Ringing")
    page.one("input[value=event]").click()
    assert not any("AgentConf_Ringing" in row for row in page.rows())
    page.one("#clear").click()
    assert page.rows() == []


def test_nothing_moves_for_who_does_not_want_it(page, simulator):
    page.media(prefers_reduced_motion="reduce")
    page.open(simulator).button("Ring").click()
    page.told("AgentConf_Ringing")
    moves = "return getComputedStyle(document.querySelector('#entries li')).animationName"
    assert page.run(moves) == "none"
    page.media()
    assert page.run(moves) == "arrive"


def test_what_a_request_says_is_text(page, simulator):
    page.open(simulator)
    evil = "<img src=x onerror=document.title=1>"
    page.run("showEntries([{ sequence: 1, atMs: 0, kind: 'request', name: arguments[0],"
             " agentId: arguments[0], detail: arguments[0] }])", evil)
    assert page.rows()[0].count(evil) == 3
    assert not page.all("img")
    with pytest.raises(Exception, match="TrustedHTML"):
        page.run("document.body.innerHTML = arguments[0]", evil)
    page.browser.get_log("browser")


def test_what_a_client_needs_can_be_copied(page, simulator):
    page.open(simulator)
    page.command("Browser.grantPermissions",
                 permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    for name, text in [("URL", simulator.url), ("CA file", simulator.ca), ("pin", simulator.pin)]:
        page.one(f"button[aria-label='Copy {name}']").click()
        until(lambda: page.text("#done"))
        assert page.text("#done") == "Copied."
        copied = page.browser.execute_async_script(
            "navigator.clipboard.readText().then(arguments[0], (why) => arguments[0](why.message))")
        assert copied == text


def test_who_has_no_agent_is_told_the_first_command(page, start):
    simulator = start("--agent", "154")
    with simulator.client() as client:
        client.sign_in(154, phone="40038", force=True)
        client.sign_out(154)
    page.open(simulator).says("Signed out")
    assert page.text("#count") == "none signed in"
    until(lambda: page.one("#python").is_displayed())
    command = page.text("#python").replace("python3", sys.executable)
    with subprocess.Popen(f"exec env {command}", shell=True, stdout=subprocess.DEVNULL) as watch:
        page.says("Signed in", "waiting")
        watch.send_signal(signal.SIGINT)
    page.says("Signed out")
    answer = subprocess.run(page.text("#curl"), shell=True, check=True, capture_output=True)
    assert b'"retcode":"0"' in answer.stdout
    page.says("Signed in")


def test_a_page_that_lost_its_simulator_finds_the_next_one(page, start):
    first = start()
    page.open(first).button("Ring").click()
    page.told("AgentConf_Ringing")
    port = first.console.rstrip("/").rpartition(":")[2]
    first.close()
    until(lambda: page.text("#link").startswith("Not connected"))
    start("--agent", "201", "--console-port", port)
    until(lambda: page.text("#link") == "Live")
    page.says("Signed in", agent="201")
    assert len(page.all("#list > li")) == 1
    assert page.rows() == []
    page.browser.get_log("browser")


DRIVER = """<!doctype html><title>Elsewhere</title><iframe src="{0}"></iframe>
<form method="post" enctype="text/plain" action="{0}simulator/ring" target="other">
<input name='{{"agentId":"154","members":["' value='"]}}'></form><iframe name="other"></iframe>
<script>
const body = JSON.stringify({{ agentId: "154" }});
const url = "{0}simulator/ring";
navigator.sendBeacon(url, body);
document.forms[0].submit();
Promise.allSettled([
    fetch(url, {{ method: "POST", mode: "no-cors", body }}),
    fetch(url, {{ method: "POST", body }}),
    fetch("{0}simulator/agents").then((it) => it.text()).then((text) => document.title = text),
]).then((all) => setTimeout(() => document.title = all.map((it) => it.status).join(" "), 500));
</script>"""


def test_another_page_of_the_browser_drives_nothing(page, simulator):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(DRIVER.format(simulator.console).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.browser.get("http://127.0.0.1:%d/" % server.server_address[1])
        until(lambda: "ed" in page.browser.title)
        assert page.browser.title == "rejected rejected rejected"
        server.shutdown()
    page.browser.get_log("browser")
    page.open(simulator)
    page.told("Control console http=403")
    page.says("Signed in")
    assert not any("AgentConf_Ringing" in row for row in page.rows())


def test_there_is_no_console_for_who_wants_none(start):
    assert start("--no-console").console is None


def test_no_request_leaves_this_machine(page, simulator, outside):
    page.open(simulator).button("Ring").click()
    page.says("Ringing")
    asked = page.requests()
    assert any(address == simulator.console + "simulator/ring" for address in asked)
    assert all(address.startswith((simulator.console, "data:")) for address in asked), asked
    # It would be seen.
    page.browser.get("http://elsewhere.example/")
    assert "http://elsewhere.example/" in page.requests()
    until(lambda: any(b"//elsewhere.example/" in line for line in outside[1]))
    page.browser.get_log("browser")
