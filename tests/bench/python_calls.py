"""Warm calls from Python, each timed: with agw's package, or with requests.

    python_calls.py agw|awaited|requests URL CA CALLS      prints what the C driver prints

AGW_LIBRARY is agw's library; its package is that of the sources.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

AGENT = "154"
WARM_UP = 50
GUID = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1"


sys.path.insert(0, str(Path(__file__).parents[2] / "bindings" / "python" / "src"))


def with_agw(url, ca):
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


def measure(how, url, ca, calls):
    call = {"agw": with_agw, "requests": with_requests}[how](url, ca)
    for _ in range(WARM_UP):
        call()
    samples, errors = [], 0
    cpu = time.process_time()
    for _ in range(calls):
        begun = time.perf_counter()
        errors += call() != "0"
        samples.append(time.perf_counter() - begun)
    return figures(samples, time.process_time() - cpu, errors)


async def measure_awaited(url, ca, calls):
    import agw

    samples, errors = [], 0
    async with agw.AsyncClient(url, ca=ca, timeout=10, connect_timeout=5) as client:
        for _ in range(WARM_UP):
            await client.reject_agent_conf(AGENT, GUID)
        cpu = time.process_time()
        for _ in range(calls):
            begun = time.perf_counter()
            errors += (await client.reject_agent_conf(AGENT, GUID)).retcode != "0"
            samples.append(time.perf_counter() - begun)
        cpu = time.process_time() - cpu
    return figures(samples, cpu, errors)


def figures(samples, cpu, errors):
    calls = len(samples)
    samples.sort()
    return {"median_us": samples[calls // 2] * 1e6, "p99_us": samples[calls * 99 // 100] * 1e6,
            "cpu_us": cpu * 1e6 / calls, "errors": errors}


def main(how, url, ca, calls):
    if how == "awaited":
        figures_had = asyncio.run(measure_awaited(url, ca, int(calls)))
    else:
        figures_had = measure(how, url, ca, int(calls))
    print(json.dumps(figures_had))


if __name__ == "__main__":
    main(*sys.argv[1:])
