"""
A client that sends one request again and again, in a process of its own.

    python -m benchmarks.stalls.attacker PORT FILE CONNECTIONS

`FILE` has the request as it is sent.  A line is written for each answer, the status and the seconds, until the process
is ended.
"""

import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

PAUSE_SECONDS = 0.02


def main() -> None:
    """Send the request over so many connections until this process is ended."""
    port, request = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    for _ in range(int(sys.argv[3]) - 1):
        Thread(target=_send, args=(port, request), daemon=True).start()
    _send(port, request)


def _send(port: int, request: bytes) -> None:
    while True:
        began = time.perf_counter()
        status = _answer(port, request)
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
