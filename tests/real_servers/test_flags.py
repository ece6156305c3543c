"""The flags that `anyclaude doctor` names are those that the real servers list in their help."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE, STDOUT

import pytest

from anyclaude.profiles import SERVER_FLAGS, BackendName

from .played import skip_unless_installed
from .servers import LLAMA_SERVER, MLX_LM, VLLM, VLLM_MLX, RealServer

HELP = {
    "llama-server": ("--help",),
    "mlx_lm": ("--help",),
    "vllm-mlx": ("serve", "--help"),
    "vllm": ("serve", "--help=all"),
}


@pytest.mark.parametrize(
    ("server", "kind"),
    [(LLAMA_SERVER, "llamacpp"), (MLX_LM, "mlx"), (VLLM_MLX, "vllm-mlx"), (VLLM, "vllm")],
    ids=lambda one: one if isinstance(one, str) else one.name,
)
async def test_every_flag_that_is_named_is_in_the_help_of_the_server(server: RealServer, kind: BackendName) -> None:
    skip_unless_installed(server)
    listed = await help_of(server)
    named = {
        word for flag in SERVER_FLAGS[kind].flags for word in re.findall(r"--[\w-]+", f"{flag.words} {flag.helps}")
    }

    assert named - listed == set()


async def help_of(server: RealServer) -> set[str]:
    """Return the flags in a server's help."""
    environment = {**os.environ, **server.installation.environment(), **server.environment}
    process = await asyncio.create_subprocess_exec(
        *server.installation.command(), *HELP[server.name], stdout=PIPE, stderr=STDOUT, env=environment
    )
    text, _ = await process.communicate()
    return set(re.findall(r"--[\w-]+", text.decode(errors="replace")))
