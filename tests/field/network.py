"""Two network namespaces, joined: in one the client, in the other the gateways."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))

PORT = 8043
# Where the gateway is as it should be; where it is under Nagle's rule (no TCP_NODELAY); where it
# takes TCP and is silent, or closes; and where nobody is: what goes there is lost without a word.
GOOD, NAGLE, SILENT, CLOSES = "10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.4"
NOBODY, NOBODY6 = "10.77.1.1", "2001:db8:77:1::1"
CERTIFIED = "gateway.test"
# A name with two addresses, of which the first is dead.
TWO = "two.gateway.test"

WIRE = "wire"  # the name of the device, in both
TCP = "6"  # "tcp" is a name from /etc/protocols, which a small system does not have
NETEM, TUN = "veth and netem", "two TUN devices and relay.py"

GATEWAY_SIDE = """
link set lo up
link set {wire} up
address add {good}/32 dev {wire}
address add {nagle}/32 dev {wire}
address add {silent}/32 dev {wire}
address add {closes}/32 dev {wire}
address add 2001:db8:77::1/64 dev {wire} nodad
route add 10.77.2.0/24 dev {wire}
route add blackhole {nobody}
route add blackhole {nobody6}
"""
CLIENT_SIDE = """
link set lo up
link set {wire} up
address add 10.77.2.1/32 dev {wire}
address add 2001:db8:77::2/64 dev {wire} nodad
route add default via {good} dev {wire} onlink
route add default via 2001:db8:77::1 dev {wire}
"""
# The table of local addresses is asked first of all; what is to be dropped has to come before it.
RULES = """
rule add pref 100 lookup local
rule del pref 0
"""
# The client's ports, so many at a time: those of one block are forgotten together.
BLOCK, FIRST_PORT, BLOCKS = 256, 10000, 150


class NetworkError(Exception):
    """There is no such network to be had, or it is not what it should be; why."""


def ip(*words, lines=None):
    done = subprocess.run(["ip", *words], input=lines, check=False, text=True, capture_output=True)
    if done.returncode:
        raise NetworkError("ip %s: %s" % (" ".join(words), done.stderr.strip()))


def netem(namespace, round_trip, lost, verb):
    subprocess.run(["ip", "netns", "exec", namespace, "tc", "qdisc", verb, "dev", WIRE, "root",
                    "netem", "delay", "%gms" % (round_trip / 2), "loss", "%g%%" % lost,
                    "limit", "10000"], check=True, capture_output=True)


def kind():
    """How a wire with a delay can be had here."""
    with namespaces("probe") as (client, gateway):
        try:
            veth(client, gateway)
            netem(client, 10, 0, "add")
            return NETEM
        except (NetworkError, subprocess.CalledProcessError):
            pass
    if not os.path.exists("/dev/net/tun"):
        raise NetworkError("the kernel has no netem, and there is no /dev/net/tun")
    return TUN


@contextlib.contextmanager
def namespaces(name):
    pair = ["agw-field-%d-%s-%s" % (os.getpid(), name, side) for side in ("client", "gateway")]
    try:
        for each in pair:
            ip("netns", "add", each)
        yield pair
    finally:
        for each in pair:
            subprocess.run(["ip", "netns", "del", each], check=False, capture_output=True)
            shutil.rmtree(os.path.join("/etc/netns", each), ignore_errors=True)


def veth(client, gateway):
    ip("-n", client, "link", "add", WIRE, "type", "veth", "peer", "name", WIRE, "netns", gateway)


class Network:
    """One pair of namespaces, its wire and its gateways; to be closed."""

    def __init__(self, how, name, round_trip, built):
        self.how, self.round_trip, self.built = how, round_trip, built
        self.log = os.path.join(built.folder, "requests-%s" % name)
        self.block, self.address, self.relay, self.closed = 0, 1, None, False
        self.closing = contextlib.ExitStack()
        try:
            self.client, self.gateway = self.closing.enter_context(namespaces(name))
            self.names()
            self.wire()
            self.ports()
            self.started(self.gateway, [sys.executable, "-B", os.path.join(HERE, "gateway.py"),
                                        built.certificate, built.key, self.log])
        except BaseException:
            self.close()
            raise

    def close(self):
        self.closed = True
        self.closing.close()

    def names(self):
        """What `ip netns exec` puts over /etc."""
        folder = os.path.join("/etc/netns", self.client)
        os.makedirs(folder)
        files = {"hosts": "%s %s\n%s %s\n" % (NOBODY6, TWO, GOOD, TWO),
                 "nsswitch.conf": "hosts: files\n"}
        for name, text in files.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)

    def wire(self):
        if self.how == NETEM:
            veth(self.client, self.gateway)
        else:
            self.relay, said = self.started(None, [
                sys.executable, "-B", os.path.join(HERE, "relay.py"), str(self.round_trip)])
            for device, side in zip(said.split(), (self.client, self.gateway), strict=True):
                ip("link", "set", device, "netns", side, "name", WIRE)
        given = {"wire": WIRE, "good": GOOD, "nagle": NAGLE, "silent": SILENT, "closes": CLOSES,
                 "nobody": NOBODY, "nobody6": NOBODY6}
        for side, lines in ((self.gateway, GATEWAY_SIDE), (self.client, CLIENT_SIDE)):
            self.set_in(side, "ipv6/conf/all/disable_ipv6", 0)
            self.set_in(side, "ipv6/conf/default/disable_ipv6", 0)
            ip("-n", side, "-batch", "-", lines=lines.format(**given) + RULES)
            if self.how == NETEM:
                netem(side, self.round_trip, 0, "add")

    def started(self, namespace, command):
        """A program that says a line when it is ready, and ends with its standard input."""
        inside = ["ip", "netns", "exec", namespace] if namespace else []
        program = subprocess.Popen([*inside, *command], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.closing.callback(ended, program)
        said = program.stdout.readline()
        if not said:
            raise NetworkError("%s has not begun" % os.path.basename(command[-1]))
        return program, said

    def set_in(self, namespace, name, value):
        subprocess.run(["ip", "netns", "exec", namespace, "sh", "-c", 'echo "$2" >"$1"', "sh",
                        "/proc/sys/net/" + name, str(value)], check=True)

    def ports(self):
        self.set_in(self.client, "ipv4/ip_local_port_range", "%d %d" % self.ends_of_block())

    def ends_of_block(self):
        first = FIRST_PORT + self.block * BLOCK
        return first, first + BLOCK - 1

    # What happens to a network.

    def forget(self):
        """A firewall on the way loses its memory: what belongs to older flows vanishes."""
        ports = "%d-%d" % self.ends_of_block()
        for side, port in ((self.gateway, "sport"), (self.client, "dport")):
            ip("-n", side, "rule", "add", "pref", "10", "iif", WIRE, "ipproto", TCP, port, ports,
               "blackhole")
        self.block += 1
        if self.block == BLOCKS:
            raise NetworkError("so many flows cannot be forgotten")
        self.ports()

    def move(self):
        """DHCP, a VPN, a docking station: the client has another address."""
        old, self.address = self.address, self.address % 200 + 1
        for verb, number in (("add", self.address), ("del", old)):
            ip("-n", self.client, "address", verb, "10.77.2.%d/32" % number, "dev", WIRE)

    def interrupt(self, seconds):
        """Every packet is lost for so long."""
        self.lose(100)
        timer = threading.Timer(seconds, self.lose, [0])
        timer.start()
        return timer

    def lose(self, percent):
        if self.how == NETEM:
            for side in (self.client, self.gateway):
                netem(side, self.round_trip, percent, "change")
        else:
            self.relay.stdin.write("%g\n" % percent)
            self.relay.stdin.flush()

    def requests(self, guid):
        """How often a request has reached the gateways."""
        with open(self.log) as file:
            return file.read().split("\n").count(guid)


def ended(program):
    program.stdin.close()
    try:
        program.wait(timeout=5)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    program.stdout.close()
