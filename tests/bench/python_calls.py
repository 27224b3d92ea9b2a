"""Warm calls from Python, each timed: with agw through ctypes, or with requests.

    python_calls.py agw|requests URL CA CALLS LIBRARY      prints what the C driver prints
"""

import ctypes
import json
import sys
import time

AGENT = "154"
GUID = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1"


class Options(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in (
        "struct_size", "flags", "timeout_ms", "connect_timeout_ms", "max_agent_id")]
    _fields_ += [("tls_trust", ctypes.c_int32)]
    _fields_ += [(name, ctypes.c_char_p) for name in (
        "base_url", "connect_to", "ca", "pin_sha256", "client_cert", "client_key", "proxy")]
    _fields_ += [("log", ctypes.c_void_p), ("log_user_data", ctypes.c_void_p),
                 ("log_level", ctypes.c_int32), ("reserved", ctypes.c_uint32)]


class Result(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32)]
    _fields_ += [(name, ctypes.c_int32) for name in ("status", "http_status", "os_error")]
    _fields_ += [("flags", ctypes.c_uint32), ("elapsed_us", ctypes.c_uint32),
                 ("cti_code", ctypes.c_int32), ("reserved", ctypes.c_uint32),
                 ("retcode", ctypes.c_char * 32), ("message", ctypes.c_char * 512),
                 ("detail", ctypes.c_char * 512)]


def with_agw(url, ca, library):
    agw = ctypes.CDLL(library)
    options = Options(struct_size=ctypes.sizeof(Options), base_url=url.encode(), tls_trust=1,
                      ca=ca.encode(), timeout_ms=10000, connect_timeout_ms=5000)
    client = ctypes.c_void_p()
    if agw.agw_client_new(ctypes.byref(options), ctypes.byref(client), None) != 0:
        sys.exit("agw_client_new failed")

    def call():
        result = Result(struct_size=ctypes.sizeof(Result))
        agw.agw_reject_agent_conf(client, AGENT.encode(), GUID.encode(), ctypes.byref(result))
        return result.retcode.decode()

    return call


def with_requests(url, ca, _library):
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


def main(how, url, ca, calls, library):
    make = {"agw": with_agw, "requests": with_requests}[how]
    print(json.dumps(measure(make(url, ca, library), int(calls))))


if __name__ == "__main__":
    main(*sys.argv[1:])
