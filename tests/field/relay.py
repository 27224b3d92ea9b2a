"""A wire where the kernel has no netem: two TUN devices, joined. What one namespace sends arrives
in the other after half the round trip, unless it is lost.

    relay.py ROUND-TRIP-MS     prints the names of the devices; a line in: how many in 100 are lost.
                               Ends with its standard input.
"""

import collections
import contextlib
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


class End:
    """A TUN device, and the packets that are on their way to it."""

    def __init__(self):
        self.file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        asked = struct.pack("16sH22x", b"agw-field%d", IFF_TUN | IFF_NO_PI)
        self.name = fcntl.ioctl(self.file, TUNSETIFF, asked)[:16].rstrip(b"\0").decode()
        self.coming = collections.deque()

    def packets(self):
        with contextlib.suppress(OSError):  # BlockingIOError: that was all; the others: it is down
            while True:
                yield os.read(self.file, 65536)

    def deliver(self, now):
        """Gives the device what is due; tells in how many seconds the next is."""
        while self.coming and self.coming[0][0] <= now:
            with contextlib.suppress(OSError):  # it is down, or full
                os.write(self.file, self.coming.popleft()[1])
        return self.coming[0][0] - now if self.coming else None


def relay(ends, delay):
    chance = random.Random(1)  # noqa: S311
    lost = 0
    while True:
        waits = [wait for end in ends if (wait := end.deliver(time.monotonic())) is not None]
        readable, _, _ = select.select([0, *(end.file for end in ends)], [], [],
                                       max(min(waits), 0) if waits else None)
        if 0 in readable:
            line = sys.stdin.readline()
            if not line:
                return
            lost = float(line)
        due = time.monotonic() + delay
        for end, other in (ends, ends[::-1]):
            if end.file in readable:
                other.coming.extend((due, packet) for packet in end.packets()
                                    if chance.uniform(0, 100) >= lost)


if __name__ == "__main__":
    both = (End(), End())
    print(both[0].name, both[1].name, flush=True)
    relay(both, float(sys.argv[1]) / 2000)
