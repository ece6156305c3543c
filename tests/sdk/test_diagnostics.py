"""Cache diagnostics, as the official SDK requests and parses them."""

from pathlib import Path

from anthropic.types import Message
from anthropic.types.cache_miss_previous_message_not_found import CacheMissPreviousMessageNotFound
from anthropic.types.cache_miss_system_changed import CacheMissSystemChanged
from pydantic import TypeAdapter
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.sdk.clients import HELLO, MODEL, SdkSetup, parse_strictly, sdk_setup

YES = reply(say("Yes."))


async def created(setup: SdkSetup, previous: str | None, system: str = "Be kind. " * 100) -> Message:
    return await setup.client.messages.create(
        model=MODEL, max_tokens=50, messages=HELLO, system=system, diagnostics={"previous_message_id": previous}
    )


async def streamed(setup: SdkSetup, previous: str | None, system: str = "Be kind. " * 100) -> Message:
    async with setup.client.messages.stream(
        model=MODEL, max_tokens=50, messages=HELLO, system=system, diagnostics={"previous_message_id": previous}
    ) as stream:
        return await stream.get_final_message()


async def test_a_first_turn_and_one_that_continues_it_have_no_diagnostics(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(YES)) as setup:
        for ask in (created, streamed):
            first = await ask(setup, None)
            second = await ask(setup, first.id)
            assert (first.diagnostics, second.diagnostics) == (None, None)


async def test_a_changed_prompt_is_reported_with_and_without_streaming(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(YES)) as setup:
        first = await created(setup, None)
        for ask in (created, streamed):
            changed = await ask(setup, first.id, system="Be firm.")
            assert changed.diagnostics is not None
            reason = changed.diagnostics.cache_miss_reason
            assert isinstance(reason, CacheMissSystemChanged)
            assert reason.cache_missed_input_tokens > 200


async def test_a_stream_reports_diagnostics_in_message_start(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(YES)) as setup:
        stream = await setup.client.messages.create(
            model=MODEL, max_tokens=50, messages=HELLO, stream=True, diagnostics={"previous_message_id": "msg_nowhere"}
        )
        events = [event async for event in stream]

    (start,) = (event for event in events if event.type == "message_start")
    assert start.message.diagnostics is not None
    assert isinstance(start.message.diagnostics.cache_miss_reason, CacheMissPreviousMessageNotFound)


async def test_the_beta_api_reports_diagnostics_too(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(YES)) as setup:
        first = await created(setup, None)
        changed = await setup.client.beta.messages.create(
            model=MODEL,
            max_tokens=50,
            messages=[{"role": "user", "content": "Hello?"}],
            system="Be firm.",
            betas=["cache-diagnosis-2026-04-07"],
            diagnostics={"previous_message_id": first.id},
        )

    assert changed.diagnostics is not None
    assert changed.diagnostics.cache_miss_reason is not None
    assert changed.diagnostics.cache_miss_reason.type == "system_changed"


async def test_the_json_matches_the_sdks_types_exactly(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(YES)) as setup:
        response = await setup.client.messages.with_raw_response.create(
            model=MODEL, max_tokens=50, messages=HELLO, diagnostics={"previous_message_id": "msg_nowhere"}
        )
        text = await response.read()

    assert parse_strictly(TypeAdapter(Message), text).diagnostics is not None
