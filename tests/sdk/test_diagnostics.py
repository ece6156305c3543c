"""Cache diagnostics, as the official SDK asks for them and reads them."""

from pathlib import Path

from anthropic.types import Message
from anthropic.types.cache_miss_previous_message_not_found import CacheMissPreviousMessageNotFound
from anthropic.types.cache_miss_system_changed import CacheMissSystemChanged
from pydantic import TypeAdapter
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.sdk.clients import HELLO, MODEL, Stage, stage, understood

YES = reply(say("Yes."))


async def created(on: Stage, previous: str | None, system: str = "Be kind. " * 100) -> Message:
    return await on.client.messages.create(
        model=MODEL, max_tokens=50, messages=HELLO, system=system, diagnostics={"previous_message_id": previous}
    )


async def streamed(on: Stage, previous: str | None, system: str = "Be kind. " * 100) -> Message:
    async with on.client.messages.stream(
        model=MODEL, max_tokens=50, messages=HELLO, system=system, diagnostics={"previous_message_id": previous}
    ) as stream:
        return await stream.get_final_message()


async def test_a_first_turn_and_one_that_goes_on_have_nothing_to_tell(tmp_path: Path) -> None:
    async with stage(tmp_path, always(YES)) as on:
        for ask in (created, streamed):
            first = await ask(on, None)
            second = await ask(on, first.id)
            assert (first.diagnostics, second.diagnostics) == (None, None)


async def test_a_change_is_told_in_whole_replies_and_in_streams(tmp_path: Path) -> None:
    async with stage(tmp_path, always(YES)) as on:
        first = await created(on, None)
        for ask in (created, streamed):
            changed = await ask(on, first.id, system="Be firm.")
            assert changed.diagnostics is not None
            reason = changed.diagnostics.cache_miss_reason
            assert isinstance(reason, CacheMissSystemChanged)
            assert reason.cache_missed_input_tokens > 200


async def test_a_stream_tells_it_with_its_first_event(tmp_path: Path) -> None:
    async with stage(tmp_path, always(YES)) as on:
        stream = await on.client.messages.create(
            model=MODEL, max_tokens=50, messages=HELLO, stream=True, diagnostics={"previous_message_id": "msg_nowhere"}
        )
        events = [event async for event in stream]

    (start,) = (event for event in events if event.type == "message_start")
    assert start.message.diagnostics is not None
    assert isinstance(start.message.diagnostics.cache_miss_reason, CacheMissPreviousMessageNotFound)


async def test_the_beta_of_the_api_works_as_well(tmp_path: Path) -> None:
    async with stage(tmp_path, always(YES)) as on:
        first = await created(on, None)
        changed = await on.client.beta.messages.create(
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


async def test_the_json_fits_the_sdks_types_and_holds_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path, always(YES)) as on:
        response = await on.client.messages.with_raw_response.create(
            model=MODEL, max_tokens=50, messages=HELLO, diagnostics={"previous_message_id": "msg_nowhere"}
        )
        text = await response.read()

    assert understood(TypeAdapter(Message), text).diagnostics is not None
