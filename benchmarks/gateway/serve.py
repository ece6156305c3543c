"""The gateway alone, in front of one backend: `python -m benchmarks.gateway.serve PORT BACKEND_PORT FOLDER`."""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from anyclaude.backends.target import BackendTarget
from anyclaude.observability import Journal
from anyclaude.profiles import profile_named
from anyclaude.server.gateway import Gateway, GatewayOptions

from .bodies import MODEL

PARALLEL_REQUESTS = 1024
"""The queue in front of the backend is not what is measured."""


async def serve(port: int, backend_port: int, folder: Path) -> None:
    """Serve until told to stop."""
    target = BackendTarget(
        profile=profile_named("generic"),
        base_url=f"http://127.0.0.1:{backend_port}/v1",
        model=MODEL,
        parallel_requests=PARALLEL_REQUESTS,
    )
    gateway = Gateway(GatewayOptions(port=port, grace_seconds=0.1), (target,), Journal(folder / "request-logs"))
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await gateway.start()
    await stopped.wait()
    await gateway.stop()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
