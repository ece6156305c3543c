"""
A client that sends one body again and again, in a process of its own: `python -m benchmarks.stalls.attacker PORT FILE`.

It writes a line for each answer, the status and the seconds, until it is ended.
"""

import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

HEAD = (
    "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\nConnection: close\r\n\r\n"
)
PAUSE_SECONDS = 0.02


def main() -> None:
    """Send the body until this process is ended."""
    port, body = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    while True:
        began = time.perf_counter()
        status = _answer(port, HEAD.format(len(body)).encode() + body)
        sys.stdout.write(f"{status} {time.perf_counter() - began}\n")
        sys.stdout.flush()
        time.sleep(PAUSE_SECONDS)


def _answer(port: int, request: bytes) -> str:
    """Return the status of the answer, `broken` if there is none."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        answer = b""
        with suppress(ConnectionError):
            connection.sendall(request)
        with suppress(ConnectionError):  # refused before all was sent, it may have got an answer nevertheless
            while piece := connection.recv(65536):
                answer = answer or piece
    return answer[9:12].decode() or "broken"


if __name__ == "__main__":
    main()
