"""Cache diagnostics as Anthropic's API has them."""

from collections.abc import Mapping

import pytest
from tests.parts.gateway import RunningGateway
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import Response, connected, prompt, request

from anyclaude.cache_report.diagnostics import CacheDiagnostics, cache_miss
from anyclaude.protocol.events import CacheMiss, CacheMissReason, Diagnostics
from anyclaude.protocol.prompt import Prompt, PromptPart


def said(*texts: str, system: str = "s" * 40, tools: str = "RW", model: str = "m", settings: str = "") -> Prompt:
    pieces = [PromptPart("tools", name, name * 40) for name in tools]
    pieces += [PromptPart("system", "", system), *(PromptPart("messages", "user", text * 40) for text in texts)]
    return Prompt(model, tuple(pieces), settings)


BEFORE = said("a", "b")


@pytest.mark.parametrize(
    ("now", "reason", "missed_characters"),
    [
        (said("a", "b", "c", model="other", system=""), "model_changed", 200),
        (said("a", "b", tools="RGW"), "tools_changed", 160),
        (said("a", "b", system="t" * 40, tools="WR"), "tools_changed", 200),
        (said("a", "b", system="s" * 20 + "t"), "system_changed", 100),
        (said("x", "b", "c"), "messages_changed", 80),
        (said("a"), "messages_changed", 40),
    ],
)
def test_the_earliest_change_is_told_with_an_estimate_of_what_it_cost(
    now: Prompt, reason: CacheMiss, missed_characters: int
) -> None:
    assert cache_miss(BEFORE, now) == CacheMissReason(reason, missed_characters // 4)


def test_what_goes_on_as_before_has_no_reason() -> None:
    assert cache_miss(BEFORE, said("a", "b", "c")) is None


def test_other_settings_make_a_diagnosis_unavailable_unless_the_tools_or_the_system_prompt_changed_too() -> None:
    assert cache_miss(BEFORE, said("a", "b", settings="x")) == CacheMissReason("unavailable")
    assert cache_miss(BEFORE, said("x", settings="x")) == CacheMissReason("unavailable")
    assert cache_miss(BEFORE, said("a", system="", settings="x")) == CacheMissReason("system_changed", 30)


def test_a_first_turn_opts_in_and_later_ones_refer_to_it() -> None:
    diagnostics = CacheDiagnostics()

    assert diagnostics.compared("msg_1", BEFORE, None) is None
    assert diagnostics.compared("msg_2", said("a", "b", "c"), "msg_1") is None
    assert diagnostics.compared("msg_3", said("x"), "msg_2") == Diagnostics(CacheMissReason("messages_changed", 30))


def test_an_id_nobody_knows_is_not_found_and_neither_is_what_was_forgotten() -> None:
    unknown = Diagnostics(CacheMissReason("previous_message_not_found"))
    for diagnostics in (CacheDiagnostics(most_prompts=2), CacheDiagnostics(most_characters=450)):
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


async def test_a_request_that_does_not_ask_is_told_null_and_not_remembered(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    first = await asked(gateway, backend)
    second = await asked(gateway, backend, diagnostics={"previous_message_id": first.json["id"]})

    assert first.json["diagnostics"] is None
    assert second.json["diagnostics"] == {"cache_miss_reason": {"type": "previous_message_not_found"}}


async def test_the_wish_is_no_loss_and_goes_to_no_model_server(gateway: RunningGateway, backend: RawBackend) -> None:
    await asked(gateway, backend, diagnostics={"previous_message_id": None})

    assert at(gateway.records()[0], "dropped") == []


@pytest.mark.parametrize("wish", [{"previous_message_id": 5}, "msg_1", []])
async def test_a_wish_of_another_shape_is_refused(gateway: RunningGateway, wish: Mapping[str, object] | str) -> None:
    async with connected(gateway.base_url) as client:
        response = await client.ask("POST", "/v1/messages", prompt(diagnostics=wish))

    assert response.status == 400
    assert "diagnostics" in response.error[1]
