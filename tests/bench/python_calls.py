"""Warm calls from Python, each timed: with agw's package, or with requests.

    python_calls.py agw|requests URL CA CALLS      prints what the C driver prints

AGW_LIBRARY is agw's library; its package is that of the sources.
"""

import json
import sys
import time
from pathlib import Path

AGENT = "154"
GUID = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1"


def with_agw(url, ca):
    sys.path.insert(0, str(Path(__file__).parents[2] / "bindings" / "python" / "src"))
    import agw

    client = agw.Client(url, ca=ca, timeout=10, connect_timeout=5)
    return lambda: client.reject_agent_conf(AGENT, GUID).retcode


def with_requests(url, ca):
    import requests

    session = requests.Session()
    address = "%s/agentgateway/resource/agentconf/%s/rejectagentconf" % (url, AGENT)
    headers = {"Guid": GUID, "Content-Type": "application/json; charset=UTF-8",
               "Accept": "application/json"}

    def call():
        answer = session.post(address, headers=headers, timeout=(5, 10), verify=ca)
        return answer.json()["retcode"]

    return call


def measure(call, calls):
    for _ in range(50):
        call()
    samples, errors = [], 0
    cpu = time.process_time()
    for _ in range(calls):
        begun = time.perf_counter()
        errors += call() != "0"
        samples.append((time.perf_counter() - begun) * 1e6)
    cpu = (time.process_time() - cpu) * 1e6 / calls
    samples.sort()
    return {"median_us": samples[calls // 2], "p99_us": samples[calls * 99 // 100],
            "cpu_us": cpu, "errors": errors}


def main(how, url, ca, calls):
    make = {"agw": with_agw, "requests": with_requests}[how]
    print(json.dumps(measure(make(url, ca), int(calls))))


if __name__ == "__main__":
    main(*sys.argv[1:])
