"""
llama.cpp's server with its own defaults, in a process of its own, as users run it beside other launchers.

    python -m benchmarks.session.llamacpp MODEL.gguf       prints its address, and ends with its standard input
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.child_server import child_server
from tests.parts.evaluation import SHOWS_PROMPTS

ENVIRONMENT = {"GOMP_SPINCOUNT": "1000"}
"""What anyclaude sets for its own engine: without it, a busy machine slows llama.cpp down tenfold, which is not the
subject here."""

SLOTS = 4
"""What llama-server takes without `--parallel`, with one cache for all of them (`--parallel -1`, tools/server)."""


@asynccontextmanager
async def running_llamacpp(model_file: Path, log_file: Path) -> AsyncIterator[str]:
    """Run the server for the duration of the context, and yield its address."""
    command = (sys.executable, "-m", "benchmarks.session.llamacpp", str(model_file))
    environment = {**os.environ, **dict([SHOWS_PROMPTS]), **ENVIRONMENT}
    with log_file.open("wb") as log:
        async with child_server(command, log, environment) as url:
            yield url


def serve(model_file: str) -> None:
    """Run the server until standard input ends, and print its address."""
    import xllamacpp

    output = os.dup(1)
    os.dup2(2, 1)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model_file
    parameters.model_alias = {Path(model_file).stem}
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.n_parallel, parameters.kv_unified = SLOTS, True
    parameters.n_ctx = 0  # as the model was trained for
    parameters.fit_params = parameters.ui = False
    parameters.endpoint_metrics = True  # the only place where `/v1/messages` leaves the time of the evaluation
    server = xllamacpp.Server(parameters)
    os.write(output, f"{server.listening_address}\n".encode())
    sys.stdin.read()
    os._exit(0)  # llama.cpp's threads may be computing


if __name__ == "__main__":
    serve(sys.argv[1])
