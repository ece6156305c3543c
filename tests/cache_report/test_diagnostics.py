"""Cache diagnostics in the shape of Anthropic's API."""

from collections.abc import Mapping

import pytest
from tests.parts.gateway import RunningGateway
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import Response, connected, prompt, request

from anyclaude.cache_report.diagnostics import CacheDiagnostics, cache_miss
from anyclaude.kept_values import ENTRY_BYTES
from anyclaude.protocol.events import CacheMiss, CacheMissReason, Diagnostics
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.prompt import Prompt, PromptPart


def prompt_of(*texts: str, system: str = "s" * 40, tools: str = "RW", model: str = "m", settings: str = "") -> Prompt:
    parts = [PromptPart("tools", name, name * 40) for name in tools]
    parts += [PromptPart("system", "", system), *(PromptPart("messages", "user", text * 40) for text in texts)]
    return Prompt(model, tuple(parts), settings)


BEFORE = prompt_of("a", "b")


@pytest.mark.parametrize(
    ("now", "reason", "missed_characters"),
    [
        (prompt_of("a", "b", "c", model="other", system=""), "model_changed", 200),
        (prompt_of("a", "b", tools="RGW"), "tools_changed", 160),
        (prompt_of("a", "b", system="t" * 40, tools="WR"), "tools_changed", 200),
        (prompt_of("a", "b", system="s" * 20 + "t"), "system_changed", 100),
        (prompt_of("x", "b", "c"), "messages_changed", 80),
        (prompt_of("a"), "messages_changed", 40),
    ],
)
def test_the_earliest_change_is_reported_with_an_estimate_of_its_cost(
    now: Prompt, reason: CacheMiss, missed_characters: int
) -> None:
    assert cache_miss(BEFORE, now) == CacheMissReason(reason, missed_characters // 4)


def test_a_prompt_that_continues_the_earlier_one_has_no_reason() -> None:
    assert cache_miss(BEFORE, prompt_of("a", "b", "c")) is None


def test_changed_settings_make_diagnostics_unavailable_unless_tools_or_system_prompt_changed_too() -> None:
    assert cache_miss(BEFORE, prompt_of("a", "b", settings="x")) == CacheMissReason("unavailable")
    assert cache_miss(BEFORE, prompt_of("x", settings="x")) == CacheMissReason("unavailable")
    assert cache_miss(BEFORE, prompt_of("a", system="", settings="x")) == CacheMissReason("system_changed", 30)


def test_a_first_turn_opts_in_and_later_turns_refer_to_it() -> None:
    diagnostics = CacheDiagnostics()

    assert diagnostics.compared("msg_1", BEFORE, None) is None
    assert diagnostics.compared("msg_2", prompt_of("a", "b", "c"), "msg_1") is None
    assert diagnostics.compared("msg_3", prompt_of("x"), "msg_2") == Diagnostics(
        CacheMissReason("messages_changed", 30)
    )


def size_of(prompt: Prompt) -> int:
    """Return what is counted for a prompt."""
    return ENTRY_BYTES + memory_size("msg_1", prompt)


def test_unknown_and_forgotten_ids_are_not_found() -> None:
    unknown = Diagnostics(CacheMissReason("previous_message_not_found"))
    for diagnostics in (CacheDiagnostics(max_prompts=2), CacheDiagnostics(max_bytes=2 * size_of(BEFORE))):
        assert diagnostics.compared("msg_1", BEFORE, "msg_0") == unknown
        for number in (2, 3):
            diagnostics.compared(f"msg_{number}", BEFORE, None)
        assert diagnostics.compared("msg_4", BEFORE, "msg_1") == unknown
        assert diagnostics.compared("msg_5", BEFORE, "msg_4") is None


async def asked(gateway: RunningGateway, backend: RawBackend, diagnostics: object = None) -> Response:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(stream=False, diagnostics=diagnostics)))
        await (await backend.next_request()).reply("Yes.")
        return await client.response()


async def test_a_request_without_diagnostics_gets_null_and_is_not_remembered(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    first = await asked(gateway, backend)
    second = await asked(gateway, backend, diagnostics={"previous_message_id": first.json["id"]})

    assert first.json["diagnostics"] is None
    assert second.json["diagnostics"] == {"cache_miss_reason": {"type": "previous_message_not_found"}}


async def test_diagnostics_is_not_recorded_as_a_dropped_field(gateway: RunningGateway, backend: RawBackend) -> None:
    await asked(gateway, backend, diagnostics={"previous_message_id": None})

    assert at(gateway.records()[0], "dropped") == []


@pytest.mark.parametrize("diagnostics", [{"previous_message_id": 5}, "msg_1", []])
async def test_diagnostics_of_another_shape_is_refused(
    gateway: RunningGateway, diagnostics: Mapping[str, object] | str
) -> None:
    async with connected(gateway.base_url) as client:
        response = await client.ask("POST", "/v1/messages", prompt(diagnostics=diagnostics))

    assert response.status == 400
    assert "diagnostics" in response.error[1]
