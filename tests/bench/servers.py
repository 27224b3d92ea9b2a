"""The servers that are measured against: nginx, and a small one that ends connections rudely."""

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWER = '{"result":{},"message":"success","retcode":"0"}'

# What a server is asked for: TLS version, key of its certificate, and how it treats sessions.
# "kept" serves warm calls; "none" and "resumed" note what became of each new connection's session;
# "idle" closes idle connections after a second.
PROTOCOLS = {"1.3": "TLSv1.3", "1.2": "TLSv1.2"}
KEYS = {"P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "RSA-2048": ["rsa:2048"]}
SESSIONS = ("kept", "none", "resumed", "idle")

EXTENSIONS = {
    "ca": ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign",
           "subjectKeyIdentifier=hash"),
    "leaf": ("basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth",
             "subjectAltName=IP:127.0.0.1"),
}

NGINX_CONF = """
daemon off;
{user}
worker_processes {workers};
pid {folder}/nginx-{workers}.pid;
error_log {folder}/nginx-{workers}.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    log_format session '$ssl_session_reused';
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_timeout 600s;
    keepalive_time 1h;
    keepalive_requests 1000000;
    default_type "application/json;charset=UTF-8";
    {blocks}
}}
"""

NGINX_SERVER = """
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/{key}.pem;
        ssl_certificate_key {folder}/{key}.key;
        ssl_protocols {protocol};
        {sessions}
        location / {{ return 200 '{answer}'; }}
    }}
"""

NGINX_SESSIONS = {
    "kept": "ssl_session_cache shared:bench:10m;",
    "none": "ssl_session_cache off; ssl_session_tickets off; ssl_conf_command NumTickets 0;"
            " access_log {folder}/none.log session;",
    "resumed": "ssl_session_cache shared:bench:10m; access_log {folder}/resumed.log session;",
    "idle": "ssl_session_cache shared:bench:10m; keepalive_timeout 1s;",
}


class Nginx:
    """A running nginx: where each kind of server listens, and what it noted of sessions."""

    def __init__(self, folder, ports):
        self.folder = folder
        self.ports = ports

    def url(self, protocol, key, sessions):
        return "https://127.0.0.1:%d" % self.ports[protocol, key, sessions]

    def ca(self, key):
        return os.path.join(self.folder, "ca-%s.pem" % key)

    def sessions_noted(self, sessions):
        """One letter for each request: "r" where the session was resumed, "." where not."""
        with open(os.path.join(self.folder, sessions + ".log")) as file:
            return file.read().split()


def cores():
    return sorted(os.sched_getaffinity(0))


def on_core(core):
    """What to put before a command so that it stays on one core."""
    return ["taskset", "-c", str(core)]


@contextlib.contextmanager
def nginx(folder, workers):
    """One worker stays on the first core; several have all cores."""
    kinds = [(p, k, s) for p in PROTOCOLS for k in KEYS for s in SESSIONS]
    ports = dict(zip(kinds, free_ports(len(kinds)), strict=True))
    conf, log = [os.path.join(folder, "nginx-%d.%s" % (workers, end)) for end in ("conf", "log")]
    with open(conf, "w") as file:
        file.write(nginx_conf(folder, workers, ports))
    command = ["nginx", "-e", log, "-p", folder, "-c", conf]
    with running((on_core(cores()[0]) if workers == 1 else []) + command) as process:
        wait_for_port(process, ports.values(), log)
        yield Nginx(folder, ports)


def nginx_conf(folder, workers, ports):
    blocks = [
        NGINX_SERVER.format(
            port=port, folder=folder, key=key, protocol=PROTOCOLS[protocol], answer=ANSWER,
            sessions=NGINX_SESSIONS[sessions].format(folder=folder))
        for (protocol, key, sessions), port in ports.items()
    ]
    user = "user %s;" % pwd.getpwuid(0).pw_name if os.geteuid() == 0 else ""
    return NGINX_CONF.format(user=user, workers=workers, folder=folder, blocks="".join(blocks))


@contextlib.contextmanager
def rude_server(folder, way):
    """Ends each connection in the given way after its first answer; see rude_server.py."""
    certificate = [os.path.join(folder, name) for name in ("P-256.pem", "P-256.key")]
    command = [*on_core(cores()[0]), sys.executable, os.path.join(HERE, "rude_server.py"), way]
    command += certificate
    with running(command, stdout=subprocess.PIPE) as process:
        port = int(process.stdout.readline())
        yield "https://127.0.0.1:%d" % port


def make_certificates(folder):
    """For each kind of key a CA and a server certificate that it signed."""
    for key, kind in KEYS.items():
        ca, leaf = [os.path.join(folder, name % key) for name in ("ca-%s", "%s")]
        make_certificate(kind, "ca", ca)
        make_certificate(kind, "leaf", leaf, "-CA", ca + ".pem", "-CAkey", ca + ".key")


def make_certificate(kind, role, path, *signed_by):
    # An empty configuration adds no extensions of its own.
    command = ["openssl", "req", "-x509", "-config", "/dev/null", "-nodes", "-days", "30",
               "-subj", "/CN=agw bench " + role, "-newkey", *kind]
    for extension in EXTENSIONS[role]:
        command += ["-addext", extension]
    command += ["-keyout", path + ".key", "-out", path + ".pem", *signed_by]
    subprocess.run(command, check=True, stderr=subprocess.PIPE)


@contextlib.contextmanager
def running(command, **streams):
    """A process that ends with the block, whatever happens in it."""
    with subprocess.Popen(command, **streams) as process:
        try:
            yield process
        finally:
            process.terminate()


def free_ports(count):
    """Ports that nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                   for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def wait_for_port(process, ports, log):
    end = time.monotonic() + 5
    for port in ports:
        with socket.socket() as client:
            while client.connect_ex(("127.0.0.1", port)) != 0:
                if process.poll() is not None or time.monotonic() > end:
                    sys.exit("nginx does not listen, see " + log)
                time.sleep(0.01)


def stop_on_termination():
    """A termination unwinds the stack as Ctrl-C does, so that nothing is left running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
