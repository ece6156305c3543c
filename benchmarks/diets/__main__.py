"""
Measures the first prompt under each diet, with the real client: `uv run python -m benchmarks.diets`.

Claude Code runs once for each release and diet in a small git repository with a CLAUDE.md, started as anyclaude starts
it, against a server that records its first request and refuses it.  The gateway counts the tokens with the embedded
engine's default weights (SmolLM2-135M, its chat template and tokenizer).  The tables are those of `docs/diets.md`.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from platformdirs import user_cache_path
from tests.parts.claude_code_versions import VERSIONS, Client, installed_client
from tests.parts.null_progress import NullProgress

from anyclaude.backends import BackendTarget, fitted_to_template
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import start_engine
from anyclaude.engine.weights import locate_model
from anyclaude.exchange.prompt_pipeline import prompt_transforms
from anyclaude.launcher.client.diets import CLIENT_DIETS
from anyclaude.observability.journal import Journal
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.messages_request import MessagesRequest, encode_request
from anyclaude.protocol.prompt_size import SectionCharacters, prompt_characters, section_characters
from anyclaude.secret import Secret
from anyclaude.server import Gateway, GatewayOptions, open_gateway
from anyclaude.transforms import PromptContext, prepare

from .first_request import first_request

HEAD = (
    "| diet | prompt | tools | system | tool text | messages | characters | tokens | share of full |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """The size of a prompt: characters by section, and tokens."""

    sections: SectionCharacters
    tokens: int


async def main() -> None:
    """Print a table for each release."""
    with tempfile.TemporaryDirectory() as folder:
        async with _counting_gateway(Path(folder)) as gateway:
            for version in VERSIONS:
                _print(f"\nClaude Code {version}\n\n{HEAD}")
                await _table(installed_client(version), gateway, Path(folder, version))


async def _table(client: Client, gateway: Gateway, folder: Path) -> None:
    full = 0
    for diet in CLIENT_DIETS:
        written = await first_request(client, diet, folder / diet.name)
        sent = prepare(written, prompt_transforms(), PromptContext(diet=diet.gateway), prompt_characters).request
        for prompt, request in (("written by the client", written), ("sent to the model", sent)):
            measured = Measured(section_characters(request), await _tokens(gateway, request))
            full = full or measured.tokens
            _print(_line(diet.name, prompt, measured, full))


def _line(diet: str, prompt: str, measured: Measured, full: int) -> str:
    sizes = measured.sections
    total = sizes.system + sizes.tools + sizes.messages
    figures = (sizes.tool_count, sizes.system, sizes.tools, sizes.messages, total, measured.tokens)
    cells = (diet, prompt, *(f"{figure:,}" for figure in figures), f"{measured.tokens / full:.0%}")
    return f"| {' | '.join(cells)} |"


@asynccontextmanager
async def _counting_gateway(folder: Path) -> AsyncIterator[Gateway]:
    """Run a gateway that transforms no prompts, so that it counts each request as given."""
    model = await locate_model(None, user_cache_path("anyclaude"), NullProgress())
    options = EngineOptions()
    async with start_engine(model, folder / "logs", NullProgress(), api_key="measuring", options=options) as engine:
        target = BackendTarget(
            profile=EMBEDDED,
            base_url=f"{engine.base_url}/v1",
            model=engine.model_name,
            api_key=Secret(engine.api_key),
            context_tokens=engine.context_tokens,
        )
        async with open_session() as session:
            target = await fitted_to_template(HttpBackend(session, target))
        async with open_gateway(GatewayOptions(grace_seconds=0.1), (target,), Journal(folder / "journal")) as gateway:
            yield gateway


async def _tokens(gateway: Gateway, request: MessagesRequest) -> int:
    body = json.loads(encode_request(request))
    asked = {part: body[part] for part in ("model", "messages", "system", "tools") if part in body}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.base_url}/v1/messages/count_tokens", json=asked) as response,
    ):
        counted = json.loads(await response.read())
        if response.headers.get("anyclaude-counted-by") != "engine":
            raise SystemExit("the engine did not count the tokens; the figures would be estimates")
        return int(counted["input_tokens"])


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
