"""Keeps a killed crawl from letting requests through: a second process that outlives it for a moment.

A browser whose DevTools channel closes lets every request go that was held through it. When the crawl is killed its
sockets close before the browser can be ended, so a forbidden request that was just being asked about would leave. The
guard holds the same sockets; once the crawl is gone it ends the browser, and only then do the sockets close.
"""

import os
import signal
import socket
import subprocess
import sys


class BrowserGuard:
    """The guard of one browser.

    Args:
        group: process group of the browser and its driver.
    """

    def __init__(self, group: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            # Alone (-I, -S), so that it starts at once; in a session of its own, so that nobody ends it by ending ours.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, str(group)], stdin=theirs.fileno(), start_new_session=True
            )
        self._line = ours
        # It answers once it listens: from here on it is there.
        self._line.recv(1)

    def hold(self, channel: socket.socket) -> None:
        """Keep a channel open for as long as the browser lives."""
        socket.send_fds(self._line, [b"c"], [channel.fileno()])

    def close(self) -> None:
        """End the browser, if it still lives, and the guard."""
        self._line.close()
        self._process.wait()


def main() -> None:
    """Hold what comes until nothing more can come, then end the process group that the first argument names."""
    with socket.socket(fileno=0) as line:
        line.sendall(b"r")
        held = []
        while True:
            content, descriptors, _, _ = socket.recv_fds(line, 1, 1)
            held += descriptors
            if not content:
                break
    try:
        os.killpg(int(sys.argv[1]), signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main()
