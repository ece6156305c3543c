"""Why a prompt was evaluated again: real prompts, a real engine's counts, and what `anyclaude explain` says of them."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam
from msgspec.structs import replace
from tests.parts.engines import running
from tests.parts.gateway import QUICK, running_gateway

from anyclaude.backends import BackendTarget
from anyclaude.cache_report.findings import FINDINGS_FILE, Finding, FindingLog
from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.exchange.record import ExchangeRecord
from anyclaude.observability.journal_reader import newest_records
from anyclaude.profiles import EMBEDDED
from anyclaude.secret import Secret

YESTERDAY, TODAY = "2026-11-24", "2026-11-25"

NO_PROMPT_CACHE = EngineOptions(threads=1, cache_ram_mib=0)
"""One place for all conversations: the next one takes it from the last."""


def tool(name: str) -> ToolParam:
    """Return a tool with much to say."""
    return {"name": name, "description": f"{name} does its work well. " * 40, "input_schema": {"type": "object"}}


TOOLS = (tool("Bash"), tool("Read"), tool("Write"))


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation with the gateway, as one session of the client."""

    client: anthropic.AsyncAnthropic
    session: str
    history: list[MessageParam] = field(default_factory=list)

    async def ask(self, question: str, date: str = YESTERDAY, tools: tuple[ToolParam, ...] = TOOLS) -> str:
        """Ask one question more, and return the id of its reply."""
        self.history.append({"role": "user", "content": question * 50})
        message = await self.client.messages.create(
            model="local",
            max_tokens=4,
            system=f"You are careful. The date is {date}. " + "Think before you speak. " * 300,
            tools=tools,
            messages=self.history,
            extra_headers={"x-claude-code-session-id": self.session, "x-claude-code-request-class": "main"},
            extra_body={"temperature": 0},
        )
        self.history.append({"role": "assistant", "content": "Very well."})
        return message.id


@asynccontextmanager
async def talking(
    engine: EmbeddedEngine, folder: Path, kept_prompts: int = 24
) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Run a gateway that writes what it finds into `folder`; when the block has ended, all of it is there."""
    target = BackendTarget(
        profile=EMBEDDED,
        base_url=f"{engine.base_url}/v1",
        model=engine.model_name,
        api_key=Secret(engine.api_key),
    )
    options = replace(QUICK, prompts_folder=folder / "prompts", kept_prompts=kept_prompts)
    async with (
        running_gateway(folder, target, options=options) as gateway,
        anthropic.AsyncAnthropic(base_url=gateway.base_url, auth_token="dummy", max_retries=0) as client,
    ):
        yield client


def told(folder: Path, message_id: str) -> tuple[ExchangeRecord, Finding]:
    """Return what was written about a reply."""
    record = next(record for record in newest_records(folder / "request-logs") if record.message_id == message_id)
    return record, FindingLog(folder / "prompts" / FINDINGS_FILE).read()[record.request_id]


async def explained(folder: Path, *words: str) -> str:
    """Run the command on the files, as a user would whose engine is gone."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anyclaude", "explain", *words),
        stdout=PIPE,
        stderr=PIPE,
        env={"HOME": str(folder), "PATH": os.environ["PATH"], "ANYCLAUDE_LOG_DIR": str(folder)},
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_a_turn_that_goes_on_from_the_last_one_is_said_to_be_well(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, talking(engine, tmp_path) as client:
        talk = Talk(client, "one")
        await talk.ask("What is this? ")
        reply = await talk.ask("And that? ")

    record, finding = told(tmp_path, reply)
    text = await explained(tmp_path)
    assert finding.cause == "nothing_lost"
    assert finding.previous_tokens is not None
    assert record.usage.cached_tokens is not None
    assert record.usage.cached_tokens >= finding.previous_tokens - 1
    assert len(text.splitlines()) == 3
    assert text.splitlines()[2].startswith("Nothing was lost")


@pytest.mark.moves_prefix(reason="what comes of it is what is tried here")
async def test_another_date_in_the_system_prompt_is_found_at_the_very_token(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, talking(engine, tmp_path) as client:
        talk = Talk(client, "one")
        await talk.ask("What is this? ")
        reply = await talk.ask("And that? ", date=TODAY)

    record, finding = told(tmp_path, reply)
    text = await explained(tmp_path, reply)
    assert finding.cause == "system_changed"
    assert finding.common_tokens == record.usage.cached_tokens
    assert finding.location is not None
    assert (finding.location.section, finding.hints) == ("system", ("date_or_time",))
    assert f"token {(record.usage.cached_tokens or 0) + 1:,} (by the engine's tokenizer): the system prompt" in text
    assert "…You are careful. The date is 2026-11-24. Think" in text
    assert "…You are careful. The date is 2026-11-25. Think" in text
    assert "A date or time appears in the prompt before the conversation." in text


@pytest.mark.moves_prefix(reason="what comes of it is what is tried here")
async def test_a_tool_that_joins_is_named(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, talking(engine, tmp_path) as client:
        talk = Talk(client, "one")
        await talk.ask("What is this? ")
        reply = await talk.ask("And that? ", tools=(TOOLS[0], tool("Grep"), *TOOLS[1:]))

    record, finding = told(tmp_path, reply)
    text = await explained(tmp_path, reply[:12])
    assert finding.cause == "tools_changed"
    assert finding.common_tokens == record.usage.cached_tokens
    assert "Grep, was added" in text
    assert "ENABLE_TOOL_SEARCH=false" in text


@pytest.mark.moves_prefix(reason="what comes of it is what is tried here")
async def test_an_earlier_message_that_was_edited_is_found(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, talking(engine, tmp_path) as client:
        talk = Talk(client, "one")
        for question in ("What is this? ", "And that? ", "And then? "):
            await talk.ask(question)
        talk.history[2] = {"role": "user", "content": "And those? " * 50}
        reply = await talk.ask("Really? ")

    record, finding = told(tmp_path, reply)
    text = await explained(tmp_path, record.request_id)
    assert finding.cause == "messages_changed"
    assert finding.common_tokens == record.usage.cached_tokens
    assert "message 3, of role user, was changed" in text
    assert "The history was edited or rewound" in text


async def test_a_place_that_another_conversation_took_is_the_engines_loss(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, talking(engine, tmp_path) as client:
        talk = Talk(client, "one")
        await talk.ask("What is this? ")
        other = await Talk(client, "two").ask("Who goes there? ", date="another day", tools=(tool("Glob"),))
        reply = await talk.ask("And that? ")

    _, finding = told(tmp_path, reply)
    taker, _ = told(tmp_path, other)
    text = await explained(tmp_path, reply)
    assert finding.cause == "engine_lost_it"
    assert "The prompts agree, but the engine lost its cache of the earlier one." in text
    assert f"one other request: {taker.request_id}" in text
    assert "ANYCLAUDE_PARALLEL_REQUESTS=2" in text


async def test_an_engine_that_was_started_anew_is_blamed_and_the_conversation_is_known_again(
    tiny_model: Path, tmp_path: Path
) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, talking(engine, tmp_path) as client:
        talk = Talk(client, "one")
        await talk.ask("What is this? ")
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, talking(engine, tmp_path) as client:
        reply = await Talk(client, "one", talk.history).ask("And that? ")

    _, finding = told(tmp_path, reply)
    assert (finding.cause, finding.is_same_conversation) == ("engine_lost_it", True)
    assert "The engine was restarted since then, and" in await explained(tmp_path, reply)


async def test_another_conversation_that_begins_alike_is_compared_with_the_one_it_shares_most_with(
    tiny_model: Path, tmp_path: Path
) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, talking(engine, tmp_path) as client:
        await Talk(client, "one").ask("What is this? ")
        reply = await Talk(client, "two").ask("Who goes there? ")

    record, finding = told(tmp_path, reply)
    text = await explained(tmp_path, reply)
    assert finding.cause == "first_turn"
    assert finding.common_tokens == record.usage.cached_tokens
    assert "the most similar prompt" in text
    assert text.splitlines()[-1].endswith("Nothing: this is new text.")


@pytest.mark.moves_prefix(reason="what comes of it is what is tried here")
async def test_where_no_prompt_may_be_kept_no_word_of_one_is_written(tiny_model: Path, tmp_path: Path) -> None:
    async with (
        running(tiny_model, tmp_path / "engine", NO_PROMPT_CACHE) as engine,
        talking(engine, tmp_path / "state", kept_prompts=0) as client,
    ):
        talk = Talk(client, "one")
        await talk.ask("What is this? ")
        reply = await talk.ask("And that? ", date=TODAY)

    files = [file for file in (tmp_path / "state").rglob("*") if file.is_file()]
    text = await explained(tmp_path / "state", reply)
    assert all(b"careful" not in file.read_bytes() and b"What is" not in file.read_bytes() for file in files)
    assert "(by the engine's tokenizer): the system prompt was changed" in text
