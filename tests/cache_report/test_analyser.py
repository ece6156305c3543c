"""What is analysed after a reply; the trials do it with a real engine."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.exchange_events import ended
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import connected, prompt, request
from tests.parts.upstreams import prepared_for

from anyclaude.cache_report.analyser import MAX_WAITING, CacheAnalyser, conversation_of
from anyclaude.cache_report.findings import FINDINGS_FILE, Finding, FindingLog
from anyclaude.exchange.caller import Caller
from anyclaude.profiles import BackendName
from anyclaude.protocol.json_values import encode_json
from anyclaude.protocol.prompt import Prompt, PromptPart

HELLO = {"role": "user", "content": "Hello"}
LATER = (HELLO, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "More"})


@asynccontextmanager
async def analysing(folder: Path, backend: RawBackend, kind: BackendName = "generic") -> AsyncIterator[RunningGateway]:
    """Run a gateway that analyses prompts; its findings are written when the block has ended."""
    options = replace(QUICK, prompts_folder=folder / "prompts")
    async with running_gateway(folder, target_at(backend.base_url, kind), options=options) as gateway:
        yield gateway


async def ask(
    gateway: RunningGateway,
    backend: RawBackend,
    messages: Sequence[object],
    session: str | None = "one",
    **more: object,
) -> None:
    headers = {} if session is None else {"x-claude-code-session-id": session, "x-claude-code-request-class": "main"}
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("", messages=messages, **more), headers))
        await (await backend.next_request()).reply("Yes?")
        await client.response()


def findings(folder: Path) -> list[Finding]:
    return list(FindingLog(folder / "prompts" / FINDINGS_FILE).read().values())


async def test_a_prompt_is_compared_with_the_last_one_of_its_conversation(tmp_path: Path, backend: RawBackend) -> None:
    async with analysing(tmp_path, backend) as gateway:
        await ask(gateway, backend, [HELLO])
        await ask(gateway, backend, [HELLO], session="two")
        await ask(gateway, backend, LATER)

    one, two, again = findings(tmp_path)
    assert (one.cause, one.compared_with) == ("first_request", None)
    assert (two.compared_with, two.is_same_conversation) == (one.request_id, False)
    assert (again.compared_with, again.is_same_conversation) == (one.request_id, True)
    assert again.answered_since == (two.request_id,)
    assert [record["message_id"] for record in gateway.records()] == [one.message_id, two.message_id, again.message_id]


async def test_a_server_that_reports_no_cached_tokens_is_not_blamed(tmp_path: Path, backend: RawBackend) -> None:
    async with analysing(tmp_path, backend) as gateway:
        await ask(gateway, backend, [HELLO])
        await ask(gateway, backend, LATER)

    assert findings(tmp_path)[1].cause == "not_reported"


async def test_without_a_session_the_first_user_message_identifies_a_conversation(
    tmp_path: Path, backend: RawBackend
) -> None:
    async with analysing(tmp_path, backend) as gateway:
        await ask(gateway, backend, [HELLO], session=None)
        await ask(gateway, backend, LATER, session=None, system="Be kind.")
        await ask(gateway, backend, [{"role": "user", "content": "Goodbye"}], session=None)

    _, same, other = findings(tmp_path)
    assert (same.is_same_conversation, same.cause) == (True, "system_changed")
    assert other.is_same_conversation is False


async def test_a_prompt_is_compared_with_those_of_earlier_runs(tmp_path: Path, backend: RawBackend) -> None:
    async with analysing(tmp_path, backend) as gateway:
        await ask(gateway, backend, [HELLO])
    async with analysing(tmp_path, backend) as gateway:
        await ask(gateway, backend, LATER)

    one, again = findings(tmp_path)
    assert (again.compared_with, again.is_from_an_earlier_run) == (one.request_id, True)
    assert [file.name for file in (tmp_path / "prompts").glob("*.prompt")] == [f"{again.request_id}.prompt"]


async def test_an_unlabelled_title_request_is_not_compared_with_the_conversation(
    tmp_path: Path, backend: RawBackend
) -> None:
    """Clients that do not label requests send titles as if they belonged to the conversation."""
    async with analysing(tmp_path, backend) as gateway:
        await ask(gateway, backend, [HELLO], session=None)
        await ask(gateway, backend, [HELLO], session=None, system="Write a title.")
        await ask(gateway, backend, LATER, session=None)

    one, _, again = findings(tmp_path)
    assert again.compared_with == one.request_id
    assert again.location is None


EDITED = ({"role": "user", "content": "Hello!"}, *LATER[1:])


@pytest.mark.moves_prefix(reason="the gateway requests tokens only after an edit")
async def test_tokens_are_requested_after_the_client_has_its_reply(tmp_path: Path, backend: RawBackend) -> None:
    async with analysing(tmp_path, backend, "llamacpp") as gateway:
        await ask(gateway, backend, LATER)
        await ask(gateway, backend, EDITED)
        for rendering, tokens in (("before", [1, 2, 3, 4]), ("now", [1, 2, 9])):
            rendered = await backend.next_request()
            await rendered.answer(200, encode_json({"prompt": rendering}))
            tokenized = await backend.next_request()
            await tokenized.answer(200, encode_json({"tokens": tokens}))
            assert (rendered.path, tokenized.path) == ("/apply-template", "/tokenize")
            assert tokenized.json["content"] == rendering

    assert findings(tmp_path)[1].common_tokens == 2


@pytest.mark.moves_prefix(reason="the gateway requests tokens only after an edit")
async def test_without_tokens_of_the_server_a_finding_has_no_token_count(tmp_path: Path, backend: RawBackend) -> None:
    async with analysing(tmp_path, backend, "llamacpp") as gateway:
        await ask(gateway, backend, LATER)
        await ask(gateway, backend, EDITED)
        await (await backend.next_request()).refuse(404, "no such route")

    finding = findings(tmp_path)[1]
    assert (finding.cause, finding.common_tokens) == ("messages_changed", None)


async def test_a_folder_that_cannot_be_written_does_not_cost_a_reply(tmp_path: Path, backend: RawBackend) -> None:
    (tmp_path / "prompts").touch()
    async with analysing(tmp_path, backend) as gateway:
        await ask(gateway, backend, [HELLO])
        await ask(gateway, backend, LATER)

    assert [record["outcome"] for record in gateway.records()] == ["completed", "completed"]


async def test_a_request_without_a_reply_is_not_analysed(tmp_path: Path, backend: RawBackend) -> None:
    async with analysing(tmp_path, backend) as gateway, connected(gateway.base_url) as client:
        response = await client.ask("POST", "/v1/messages", b"{")

    assert response.status == 400
    assert findings(tmp_path) == []


async def test_the_oldest_replies_are_dropped_when_too_many_wait(tmp_path: Path) -> None:
    analyser = CacheAnalyser(tmp_path, 0, "run_1")
    sent = prepared_for(FakeBackend(target_at("http://fake/v1")))
    for number in range(MAX_WAITING + 3):
        analyser.exchange_ended(ended(number=number, sent=sent))
    await analyser.close()

    assert list(FindingLog(tmp_path / FINDINGS_FILE).read()) == [
        f"req_{number}" for number in range(3, MAX_WAITING + 3)
    ]


@pytest.mark.parametrize(
    ("caller", "is_by_opening"),
    [
        (Caller(True, "s", None, "main"), False),
        (Caller(True, "s", "agent", "subagent"), False),
        (Caller(True, "s", None, "auxiliary"), True),
        (Caller(False, None, None, "unknown"), True),
    ],
)
def test_conversations_without_a_session_are_identified_by_their_first_message(
    caller: Caller, is_by_opening: bool
) -> None:
    names = {
        conversation_of(caller, Prompt("m", (PromptPart("system", "", "s"), PromptPart("messages", "user", text))))
        for text in ("one", "two")
    }

    assert len(names) == (2 if is_by_opening else 1)
