"""A server that answers with whatever bytes a test wants, at whatever speed."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Handler = Callable[[socket.socket, str], None]


def plain(body: bytes = b"hello", *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return the bytes of a whole answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode() + body


@contextlib.contextmanager
def raw_server(handle: Handler) -> Iterator[tuple[str, list[str]]]:
    """Yield the server's address and the list of request heads that it has got."""
    listener = socket.create_server(("127.0.0.1", 0))
    heads: list[str] = []
    closing = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65_536)
                if not piece:
                    return
                head += piece
            text = head.decode("latin-1")
            heads.append(text)
            handle(connection, text.split(" ")[1])

    def accept() -> None:
        while not closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        closing.set()
        listener.close()
