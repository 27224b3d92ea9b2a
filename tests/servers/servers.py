"""Debian's servers on loopback: not installed, each in a folder and on ports of its own."""

import collections
import contextlib
import glob
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))

SUITE = "bookworm"
# The programs, and the libraries that not every Debian has.
PACKAGES = """
apache2-bin libapr1 libaprutil1 libbrotli1 libcurl4 libjansson4 libldap-2.5-0 libnghttp2-14 libxml2
haproxy libcrypt1 liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 libpcre2-8-0 libssl3
libsystemd0 nginx zlib1g
squid squid-common squid-langpack libcap2 libcom-err2 libecap3 libexpat1 libgnutls30
libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libltdl7 libmnl0
libnetfilter-conntrack3 libnettle8 libnfnetlink0 libpam0g libsasl2-2 libtdb1
openjdk-17-jre-headless libtomcat10-java tomcat10-common libeclipse-jdt-core-java
""".split()

PATIENCE_S = 60

# Squid and Apache refuse to be root. This is nobody, who may read and write what root may.
NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+dac_override",
          "--ambient-caps=-all,+dac_override"]

# What an access log says of a request: on which port, which one it was, over which connection:
# an ID, for a client's port may be taken again at once.
Entry = collections.namedtuple("Entry", "port key connection status more")


class ServerError(Exception):
    """A server cannot be had, or does not run."""


def unpacked(work):
    """The folder with the packages, as / has them elsewhere."""
    folder, stated = os.path.join(work, "debian"), os.path.join(work, "packages")
    wanted = "\n".join([SUITE, *PACKAGES])
    if not os.path.exists(stated) or read(stated) != wanted:
        print("servers: %d packages of Debian %s are unpacked" % (len(PACKAGES), SUITE), flush=True)
        subprocess.run([os.path.join(HERE, "..", "debian.sh"), folder, SUITE, "amd64", *PACKAGES],
                       check=True)
        write(stated, wanted)
    return folder


class Debian:
    """What is unpacked, and how to run it."""

    def __init__(self, folder):
        self.folder = folder
        self.java = self.only("usr/lib/jvm/java-17-openjdk-*/bin")
        libraries = [self.only(each) for each in ("usr/lib/*-linux-gnu", "lib/*-linux-gnu")]
        self.environment = dict(os.environ, LD_LIBRARY_PATH=":".join(libraries), LC_ALL="C")
        for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "OPENSSL_CONF"):
            self.environment.pop(name, None)

    def only(self, pattern):
        return glob.glob(os.path.join(self.folder, pattern))[0]

    def said(self, *command):
        """What a program prints when it is asked for its version."""
        done = subprocess.run([os.path.join(self.folder, command[0]), *command[1:]], check=False,
                              env=self.environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            raise ServerError("%s: %s" % (command[0], done.stdout))
        return done.stdout

    def versions(self):
        tomcat = os.path.basename(os.path.realpath(self.only("usr/share/java/tomcat10-api.jar")))
        told = {"Tomcat": tomcat,
                "JRE": self.said(os.path.join(self.java, "java"), "--version"),
                "HAProxy": self.said("usr/sbin/haproxy", "-v"),
                "Squid": self.said("usr/sbin/squid", "-v"),
                "nginx": self.said("usr/sbin/nginx", "-v"),
                "Apache": self.said("usr/sbin/apache2", "-v")}
        return {name: re.search(r"\d+(\.\d+)+", text).group() for name, text in told.items()}


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def certificates(debian, folder):
    """A CA, its certificates, a stranger's, and what keytool makes for a gateway."""
    def made(name, subject, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                        "-subj", subject, "-keyout", name + ".key", "-out", name + ".pem", *more],
                       check=True, capture_output=True, cwd=folder)

    def keytool(*words):
        subprocess.run([os.path.join(debian.java, "keytool"), *words, "-storepass", "changeit"],
                       check=True, capture_output=True, cwd=folder, env=debian.environment)

    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    made("ca", "/CN=servers CA", "-addext", "basicConstraints=critical,CA:TRUE")
    made("gateway", "/CN=gateway", *signed, "-addext", "subjectAltName=IP:127.0.0.1")
    made("agent", "/CN=agent", *signed)
    made("stranger", "/CN=stranger", "-addext", "basicConstraints=critical,CA:FALSE")
    keytool("-genkeypair", "-keyalg", "RSA", "-alias", "gateway", "-keystore", "nameless.p12",
            "-dname", "CN=agentgateway", "-validity", "30")
    keytool("-exportcert", "-rfc", "-alias", "gateway", "-keystore", "nameless.p12",
            "-file", "nameless.pem")
    keytool("-importcert", "-noprompt", "-alias", "ca", "-keystore", "ca.p12", "-file", "ca.pem")
    write(os.path.join(folder, "both.pem"),
          read(os.path.join(folder, "gateway.pem")) + read(os.path.join(folder, "gateway.key")))


def free_ports(names):
    """A port for each name, below those of clients: one of these could be taken meanwhile."""
    ports = itertools.filterfalse(listens, random.sample(range(10000, 30000), 10 * len(names)))
    return dict(zip(names, itertools.islice(ports, len(names)), strict=True))


# The program and its arguments, and its configuration: where that is to lie.
Program = collections.namedtuple("Program", "command files")
PROGRAMS = {
    "tomcat": Program(
        "@java@/java -Xmx128m -Dcatalina.home=@debian@/usr/share/tomcat10 "
        "-Dcatalina.base=@folder@ -Djava.io.tmpdir=@folder@/temp "
        "-cp @debian@/usr/share/tomcat10/bin/bootstrap.jar:"
        "@debian@/usr/share/tomcat10/bin/tomcat-juli.jar "
        "org.apache.catalina.startup.Bootstrap start",
        {"tomcat.xml": "conf/server.xml", "web.xml": "webapps/ROOT/WEB-INF/web.xml",
         "gateway.jsp": "webapps/ROOT/gateway.jsp"}),
    "haproxy": Program("@debian@/usr/sbin/haproxy -db -f @folder@/haproxy.cfg",
                       {"haproxy.cfg": "haproxy.cfg"}),
    "squid": Program("@debian@/usr/sbin/squid -N -f @folder@/squid.conf",
                     {"squid.conf": "squid.conf", "passwords": "passwords"}),
    "nginx": Program("@debian@/usr/sbin/nginx -p @folder@ -c @folder@/nginx.conf",
                     {"nginx.conf": "nginx.conf"}),
    "apache": Program("@debian@/usr/sbin/apache2 -f @folder@/apache.conf -DFOREGROUND",
                      {"apache.conf": "apache.conf", "accepted.json": "pages/accepted.json"}),
}


class Servers:
    """All of them."""

    def __init__(self, debian, work):
        self.debian, self.work, self.running = debian, work, {}
        self.logs = os.path.join(work, "logs")
        self.certificates = os.path.join(work, "certificates")
        self.texts = {name: read(os.path.join(HERE, "config", name))
                      for program in PROGRAMS.values() for name in program.files}
        given = {"debian", "java", "folder", "certificates", "log", "logs"}
        named = set(re.findall(r"@(\w+)@", "".join(self.texts.values())))
        self.ports = free_ports(sorted(named - given))

    @contextlib.contextmanager
    def up(self):
        """From the start to the end of the block."""
        # A leftover of one run must not decide the next.
        shutil.rmtree(self.work, ignore_errors=True)
        for folder in (self.logs, self.certificates):
            os.makedirs(folder)
        certificates(self.debian, self.certificates)
        try:
            for name in PROGRAMS:
                self.start(name)
            for name in PROGRAMS:
                self.await_ready(name)
            yield
        finally:
            self.stop()

    def filled(self, name, text):
        values = dict(self.ports, debian=self.debian.folder, java=self.debian.java,
                      folder=os.path.join(self.work, name), certificates=self.certificates,
                      log=os.path.join(self.logs, name), logs=self.logs)
        return re.sub(r"@(\w+)@", lambda found: str(values[found.group(1)]), text)

    def start(self, name):
        program, folder = PROGRAMS[name], os.path.join(self.work, name)
        os.makedirs(os.path.join(folder, "temp"))
        for source, place in program.files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, place)), exist_ok=True)
            write(os.path.join(folder, place), self.filled(name, self.texts[source]))
        # With us, however we end, the server ends.
        command = ["setpriv", "--pdeathsig", "TERM", *(NOBODY if os.geteuid() == 0 else []),
                   *self.filled(name, program.command).split()]
        with open(self.printed(name), "w") as out:
            self.running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                                  stderr=subprocess.STDOUT, cwd=folder,
                                                  env=self.debian.environment,
                                                  start_new_session=True)

    def printed(self, name):
        return os.path.join(self.work, name, "printed")

    def await_ready(self, name):
        ports = [port for word, port in self.ports.items() if word.partition("_")[0] == name]
        for port in ports:
            until = time.monotonic() + PATIENCE_S
            while not listens(port):
                if self.running[name].poll() is not None or time.monotonic() > until:
                    raise ServerError("%s does not listen on %d: %s" % (
                        name, port, read(self.printed(name))[-2000:]))
                time.sleep(0.05)

    def stop(self):
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # Workers and helpers.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def entries(self, name):
        """What the access log has; the servers must have ended, for they write it late."""
        log = os.path.join(self.logs, name) if name != "haproxy" else self.printed(name)
        lines = re.findall(r"(?m)^(\d+) (\S+) (\S+) (\d+) ?(.*)$", read(log))
        return [Entry(int(port), *rest) for port, *rest in lines]


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
