"""Threads, the GIL, cancelling, fork, the end of the interpreter."""

import gc
import os
import time
from typing import Any, Callable, List

import pytest

import agw
from gateways import (
    AGENT,
    Background,
    RawGateway,
    Simulator,
    run_python,
    succeeds_in_a_child,
    takes,
    wait_until,
)


def reject(client: agw.Client, guid: str = "guid") -> agw.Answer:
    return client.reject_agent_conf(AGENT, guid)


def test_the_gil_is_free_during_a_call(stalled: RawGateway) -> None:
    with agw.Client(stalled.url, allow_http=True, timeout=0.5) as client:
        call = Background(lambda: reject(client))
        stalled.wait_for_requests(1)
        count, end = 0, time.monotonic() + 0.2
        while time.monotonic() < end:
            count += 1
        assert call.is_alive()
        assert count > 1000
        call.error(agw.TimeoutError)


def test_cancel_ends_the_calls_and_leaves_the_client(
    simulator: Simulator, client: agw.Client
) -> None:
    simulator.answer_with(delayMs=3000, count=2)
    seen = simulator.rejects_seen()
    calls = [Background(lambda: reject(client, simulator.guid)) for _ in range(2)]
    wait_until(lambda: simulator.rejects_seen() == seen + 2)
    with takes(0, 2):
        client.cancel()
        for call in calls:
            error = call.error(agw.CallCancelledError)
            assert isinstance(error, agw.AgwError)
            assert error.maybe_sent
    simulator.ring()
    assert reject(client, simulator.guid).retcode == "0"


def test_close_ends_the_calls(stalled: RawGateway) -> None:
    client = agw.Client(stalled.url, allow_http=True)
    call = Background(lambda: reject(client))
    stalled.wait_for_requests(1)
    with takes(0, 2):
        client.close()
        call.error(agw.CallCancelledError)


def test_many_threads_share_a_client() -> None:
    agents = list(range(201, 233))
    options = [word for agent in agents for word in ("--agent", str(agent))]
    with Simulator("--quiet", *options) as simulator:
        for agent in agents:
            simulator.ring(agent)
        with agw.Client(simulator.url, ca=simulator.ca) as client:
            calls = [
                Background(lambda a=agent: client.reject_agent_conf(a, simulator.guids[a]))  # type: ignore[misc]
                for agent in agents
            ]
            assert [call.result().retcode for call in calls] == ["0"] * len(agents)


def test_closing_from_many_threads(simulator: Simulator) -> None:
    for _ in range(20):
        client = agw.Client(simulator.url, ca=simulator.ca)
        for closing in [Background(client.close) for _ in range(8)]:
            closing.result()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_client_works_on_both_sides_of_a_fork(simulator: Simulator, client: agw.Client) -> None:
    client.connect()
    simulator.ring()
    assert succeeds_in_a_child(lambda: reject(client, simulator.guid))
    simulator.ring()
    reject(client, simulator.guid)


def test_the_interpreter_ends_while_daemon_threads_call(stalled: RawGateway) -> None:
    ended = run_python(
        """
        import logging, sys, threading, time, agw
        logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
        client = agw.Client(sys.argv[1], allow_http=True, timeout=60)
        def call():
            while True:
                try: client.reject_agent_conf(154, "guid")
                except agw.CallCancelledError: pass
                except agw.InvalidHandleError: return
        for _ in range(8):
            threading.Thread(target=call, daemon=True).start()
        time.sleep(0.3)
        """,
        stalled.url,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


# Runs after all that the package does at exit; then Python ends the daemon threads.
LAST = """
    import atexit, threading
    last = lambda: None
    atexit.register(lambda: last())
    import logging, time, agw
    moment = threading.Event()
    def slow(record):  # a filter: logging's own end waits for handlers
        moment.set()
        end = time.monotonic() + 0.5
        while time.monotonic() < end: time.sleep(0)
    logging.getLogger("agw").addFilter(slow)
"""


def test_the_interpreter_ends_while_a_client_is_being_made() -> None:
    ended = run_python(
        LAST
        + """
    def make():  # logs that nothing is checked
        agw.Client("https://127.0.0.1:9", trust=agw.Trust.DANGER_ANY)
    threading.Thread(target=make, daemon=True).start()
    moment.wait()
    """
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("another", [True, False], ids=["the second", "the first"])
def test_the_interpreter_ends_and_then_a_client_is_made(another: bool) -> None:
    """Also if the package's own end, with a client to free, comes before weakref's or after it."""
    ended = run_python(
        LAST
        + """
    import sys
    if sys.argv[1] == "True":
        first = agw.Client("https://127.0.0.1:9")
    go = threading.Event()
    def make():
        go.wait()
        with agw.Client("http://127.0.0.1:9", allow_http=True) as client:
            try: client.connect()
            except agw.ConnectError: moment.set()
    threading.Thread(target=make, daemon=True).start()
    def last():
        go.set()
        moment.wait()
    """,
        str(another),
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_interpreter_ends_while_daemon_threads_make_clients() -> None:
    for _ in range(3):
        ended = run_python(
            """
            import logging, os, threading, time, agw
            line = "%(asctime)s %(threadName)s %(name)s %(levelname)s %(message)s"
            logging.basicConfig(level=logging.INFO, filename=os.devnull, format=line)
            def call():
                while True:
                    try:
                        with agw.Client("http://127.0.0.1:9", allow_http=True) as client:
                            client.connect()
                    except agw.AgwError as error:
                        logging.warning("gateway: %s", error)
            for _ in range(8):
                threading.Thread(target=call, daemon=True).start()
            time.sleep(0.1)
            """
        )
        assert (ended.returncode, ended.stderr) == (0, "")


def test_a_collection_in_a_log_handler_frees_afterwards(
    stalled: RawGateway, handle: Callable[[Callable[[], Any]], None]
) -> None:
    forgotten: List[agw.Client] = [agw.Client(stalled.url, allow_http=True)]
    library, number = forgotten[0]._library, forgotten[0]._handle
    in_handler: List[int] = []

    def drop() -> None:
        forgotten.clear()
        gc.collect()
        in_handler.append(library.agw_cancel(number))

    handle(drop)
    with agw.Client(stalled.url, allow_http=True, timeout=0.05) as client:
        with pytest.raises(agw.TimeoutError):
            reject(client)
    assert in_handler
    assert set(in_handler) == {agw.Status.REENTRANT}
    assert library.agw_cancel(number) == agw.Status.INVALID_HANDLE
