"""Why a prompt was evaluated again: real prompts, a real engine's counts, and the report of `anyclaude explain`."""

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
from anyclaude.exchange_record import ExchangeRecord
from anyclaude.observability.journal_reader import newest_records
from anyclaude.profiles import EMBEDDED
from anyclaude.secret import Secret

YESTERDAY, TODAY = "2026-11-24", "2026-11-25"

NO_PROMPT_CACHE = EngineOptions(threads=1, cache_ram_mib=0)
"""One slot for all conversations: each conversation evicts the previous one."""


def tool(name: str) -> ToolParam:
    """Return a tool with a long description."""
    return {"name": name, "description": f"{name} does its work well. " * 40, "input_schema": {"type": "object"}}


TOOLS = (tool("Bash"), tool("Read"), tool("Write"))


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with the gateway, in one session of the client."""

    client: anthropic.AsyncAnthropic
    session: str
    history: list[MessageParam] = field(default_factory=list)

    async def ask(self, question: str, date: str = YESTERDAY, tools: tuple[ToolParam, ...] = TOOLS) -> str:
        """Ask another question, and return the id of the reply."""
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
async def connected_client(
    engine: EmbeddedEngine, folder: Path, stored_prompts: int = 24
) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Run a gateway that writes its findings to `folder`, and yield a client; when the block ends, all are written."""
    target = BackendTarget(
        profile=EMBEDDED,
        base_url=f"{engine.base_url}/v1",
        model=engine.model_name,
        api_key=Secret(engine.api_key),
    )
    options = replace(QUICK, prompts_folder=folder / "prompts", stored_prompts=stored_prompts)
    async with (
        running_gateway(folder, target, options=options) as gateway,
        anthropic.AsyncAnthropic(base_url=gateway.base_url, auth_token="dummy", max_retries=0) as client,
    ):
        yield client


def recorded(folder: Path, message_id: str) -> tuple[ExchangeRecord, Finding]:
    """Return the journal's record and the finding of a reply."""
    record = next(record for record in newest_records(folder / "request-logs") if record.message_id == message_id)
    return record, FindingLog(folder / "prompts" / FINDINGS_FILE).read()[record.request_id]


async def explained(folder: Path, *words: str) -> str:
    """Run `anyclaude explain` on the files; no engine is running."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anyclaude", "explain", *words),
        stdout=PIPE,
        stderr=PIPE,
        env={"HOME": str(folder), "PATH": os.environ["PATH"], "ANYCLAUDE_LOG_DIR": str(folder)},
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_a_turn_that_extends_the_previous_one_is_reported_as_nothing_lost(
    tiny_model: Path, tmp_path: Path
) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, connected_client(engine, tmp_path) as client:
        conversation = Conversation(client, "one")
        await conversation.ask("What is this? ")
        reply = await conversation.ask("And that? ")

    record, finding = recorded(tmp_path, reply)
    text = await explained(tmp_path)
    assert finding.cause == "nothing_lost"
    assert finding.previous_tokens is not None
    assert record.usage.cached_tokens is not None
    assert record.usage.cached_tokens >= finding.previous_tokens - 1
    assert len(text.splitlines()) == 4
    assert text.splitlines()[2].startswith("Reply: ")
    assert text.splitlines()[3].startswith("Nothing was lost")


@pytest.mark.moves_prefix(reason="the test changes the prefix, and checks how that is explained")
async def test_another_date_in_the_system_prompt_is_located_at_its_token(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, connected_client(engine, tmp_path) as client:
        conversation = Conversation(client, "one")
        await conversation.ask("What is this? ")
        reply = await conversation.ask("And that? ", date=TODAY)

    record, finding = recorded(tmp_path, reply)
    text = await explained(tmp_path, reply)
    assert finding.cause == "system_changed"
    assert finding.common_tokens == record.usage.cached_tokens
    assert finding.location is not None
    assert (finding.location.section, finding.hints) == ("system", ("date_or_time",))
    assert f"token {(record.usage.cached_tokens or 0) + 1:,} (by the engine's tokenizer): the system prompt" in text
    assert "…You are careful. The date is 2026-11-24. Think" in text
    assert "…You are careful. The date is 2026-11-25. Think" in text
    assert "A date or time appears in the prompt before the conversation." in text


@pytest.mark.moves_prefix(reason="the test changes the prefix, and checks how that is explained")
async def test_an_added_tool_is_named(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, connected_client(engine, tmp_path) as client:
        conversation = Conversation(client, "one")
        await conversation.ask("What is this? ")
        reply = await conversation.ask("And that? ", tools=(TOOLS[0], tool("Grep"), *TOOLS[1:]))

    record, finding = recorded(tmp_path, reply)
    text = await explained(tmp_path, reply[:12])
    assert finding.cause == "tools_changed"
    assert finding.common_tokens == record.usage.cached_tokens
    assert "Grep, was added" in text
    assert "ENABLE_TOOL_SEARCH=false" in text


@pytest.mark.moves_prefix(reason="the test changes the prefix, and checks how that is explained")
async def test_an_edited_earlier_message_is_located(tiny_model: Path, tmp_path: Path) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, connected_client(engine, tmp_path) as client:
        conversation = Conversation(client, "one")
        for question in ("What is this? ", "And that? ", "And then? "):
            await conversation.ask(question)
        conversation.history[2] = {"role": "user", "content": "And those? " * 50}
        reply = await conversation.ask("Really? ")

    record, finding = recorded(tmp_path, reply)
    text = await explained(tmp_path, record.request_id)
    assert finding.cause == "messages_changed"
    assert finding.common_tokens == record.usage.cached_tokens
    assert "message 3, of role user, was changed" in text
    assert "The history was edited or rewound" in text


async def test_an_eviction_by_another_conversation_is_reported_as_the_engines_loss(
    tiny_model: Path, tmp_path: Path
) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, connected_client(engine, tmp_path) as client:
        conversation = Conversation(client, "one")
        await conversation.ask("What is this? ")
        other = await Conversation(client, "two").ask("Who goes there? ", date="another day", tools=(tool("Glob"),))
        reply = await conversation.ask("And that? ")

    _, finding = recorded(tmp_path, reply)
    evicting, _ = recorded(tmp_path, other)
    text = await explained(tmp_path, reply)
    assert finding.cause == "engine_lost_it"
    assert "The prompts agree, but the engine lost its cache of the earlier one." in text
    assert f"one other request: {evicting.request_id}" in text
    assert "ANYCLAUDE_PARALLEL_REQUESTS=2" in text


async def test_a_restart_of_the_engine_is_reported_as_the_cause_and_the_conversation_is_recognised(
    tiny_model: Path, tmp_path: Path
) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, connected_client(engine, tmp_path) as client:
        conversation = Conversation(client, "one")
        await conversation.ask("What is this? ")
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, connected_client(engine, tmp_path) as client:
        reply = await Conversation(client, "one", conversation.history).ask("And that? ")

    _, finding = recorded(tmp_path, reply)
    assert (finding.cause, finding.is_same_conversation) == ("engine_lost_it", True)
    assert "The engine was restarted since then, and" in await explained(tmp_path, reply)


async def test_the_first_turn_of_a_conversation_is_compared_with_the_prompt_it_shares_most_with(
    tiny_model: Path, tmp_path: Path
) -> None:
    async with running(tiny_model, tmp_path, NO_PROMPT_CACHE) as engine, connected_client(engine, tmp_path) as client:
        await Conversation(client, "one").ask("What is this? ")
        reply = await Conversation(client, "two").ask("Who goes there? ")

    record, finding = recorded(tmp_path, reply)
    text = await explained(tmp_path, reply)
    assert finding.cause == "first_turn"
    assert finding.common_tokens == record.usage.cached_tokens
    assert "the most similar prompt" in text
    assert text.splitlines()[-1].endswith("Nothing: this is new text.")


@pytest.mark.moves_prefix(reason="the test changes the prefix, and checks how that is explained")
async def test_if_no_prompts_may_be_kept_none_of_their_text_is_written(tiny_model: Path, tmp_path: Path) -> None:
    async with (
        running(tiny_model, tmp_path / "engine", NO_PROMPT_CACHE) as engine,
        connected_client(engine, tmp_path / "state", stored_prompts=0) as client,
    ):
        conversation = Conversation(client, "one")
        await conversation.ask("What is this? ")
        reply = await conversation.ask("And that? ", date=TODAY)

    files = [file for file in (tmp_path / "state").rglob("*") if file.is_file()]
    text = await explained(tmp_path / "state", reply)
    assert all(b"careful" not in file.read_bytes() and b"What is" not in file.read_bytes() for file in files)
    assert "(by the engine's tokenizer): the system prompt was changed" in text
