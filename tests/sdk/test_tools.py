"""Tool calls and their results through the official SDK."""

import base64
import json
from pathlib import Path

import pytest
from anthropic import beta_async_tool
from anthropic.types import MessageParam, ToolChoiceParam, ToolParam, ToolUseBlock
from tests.parts.chat_reply import Call, call, reply, say
from tests.parts.chat_script import always, in_turn
from tests.parts.json_at import at
from tests.parts.pictures import png
from tests.sdk.clients import HELLO, MODEL, sdk_setup

WEATHER: ToolParam = {
    "name": "weather",
    "description": "Returns the weather of a town.",
    "input_schema": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
}

TIDE: ToolParam = {**WEATHER, "name": "tide"}


def calls_in(content: list[object]) -> list[ToolUseBlock]:
    """Return the tool use blocks."""
    return [block for block in content if isinstance(block, ToolUseBlock)]


async def test_parallel_calls_get_their_results_and_the_model_continues(tmp_path: Path) -> None:
    calls = reply(say("I ask."), call("weather", town="Köln"), call("weather", town="São Paulo"))
    async with sdk_setup(tmp_path, in_turn(calls, reply(say("Rain in both.")))) as setup:
        first = await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, tools=[WEATHER])
        koeln, paulo = calls_in([*first.content])
        history: list[MessageParam] = [
            *HELLO,
            {"role": "assistant", "content": first.content},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": koeln.id, "content": "Rain."},
                    {"type": "tool_result", "tool_use_id": paulo.id, "content": [{"type": "text", "text": "Showers."}]},
                ],
            },
        ]
        second = await setup.client.messages.create(model=MODEL, max_tokens=50, messages=history, tools=[WEATHER])

    assert first.stop_reason == "tool_use"
    assert [call.input for call in (koeln, paulo)] == [{"town": "Köln"}, {"town": "São Paulo"}]
    assert [message.text for message in setup.server.requests[1].tool_results] == ["Rain.", "Showers."]
    assert second.stop_reason == "end_turn"


async def test_results_reach_the_model_in_the_order_of_the_calls(tmp_path: Path) -> None:
    calls = reply(call("weather", town="Köln"), call("weather", town="Bonn"))
    async with sdk_setup(tmp_path, in_turn(calls, reply(say("Rain in both.")))) as setup:
        first = await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, tools=[WEATHER])
        koeln, bonn = calls_in([*first.content])
        history: list[MessageParam] = [
            *HELLO,
            {"role": "assistant", "content": first.content},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": bonn.id, "content": "Fog."},
                    {"type": "tool_result", "tool_use_id": koeln.id, "content": "Rain."},
                ],
            },
        ]
        await setup.client.messages.create(model=MODEL, max_tokens=50, messages=history, tools=[WEATHER])

    assert [message.text for message in setup.server.requests[1].tool_results] == ["Rain.", "Fog."]


async def test_call_ids_are_unique_even_if_the_servers_ids_are_not(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(reply(call("weather", town="Bonn").with_id("call_0")))) as setup:
        messages = [
            await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, tools=[WEATHER])
            for _ in range(2)
        ]

    assert len({call.id for message in messages for call in calls_in([*message.content])}) == 2


async def test_an_image_and_an_error_result_reach_the_model(tmp_path: Path) -> None:
    picture = base64.b64encode(png()).decode()
    history: list[MessageParam] = [
        *HELLO,
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": "Bonn"}},
                {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"town": "Köln"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": picture},
                        }
                    ],
                },
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such town", "is_error": True},
            ],
        },
    ]
    async with sdk_setup(tmp_path, always(reply(say("I see.")))) as setup:
        await setup.client.messages.create(model=MODEL, max_tokens=50, messages=history, tools=[WEATHER])

    request = setup.server.requests[0]
    image_result, error_result = request.tool_results
    assert [image for message in request.messages for image in message.images] == [f"data:image/png;base64,{picture}"]
    assert "no such town" in error_result.text
    assert "error" in error_result.text.lower()
    assert "error" not in image_result.text.lower()


@pytest.mark.parametrize(("choice", "expected"), [({"type": "auto"}, {"auto", None}), ({"type": "none"}, {"none"})])
async def test_a_choice_that_demands_no_call_keeps_its_meaning(
    tmp_path: Path, choice: ToolChoiceParam, expected: set[str | None]
) -> None:
    async with sdk_setup(tmp_path, always(reply(say("Well.")))) as setup:
        await setup.client.messages.create(
            model=MODEL, max_tokens=50, messages=HELLO, tools=[WEATHER, TIDE], tool_choice=choice
        )

    assert setup.server.requests[0].raw.get("tool_choice") in expected


@pytest.mark.parametrize(
    ("choice", "names"),
    [({"type": "any"}, {"weather", "tide"}), ({"type": "tool", "name": "weather"}, {"weather"})],
)
async def test_a_demanded_call_is_enforced_by_its_schema_and_arrives_as_a_call(
    tmp_path: Path, choice: ToolChoiceParam, names: set[str]
) -> None:
    text = '{"name": "weather", "arguments": {"town": "Oslo"}}'
    async with sdk_setup(tmp_path, always(reply(say(text)))) as setup:
        message = await setup.client.messages.create(
            model=MODEL, max_tokens=50, messages=HELLO, tools=[WEATHER, TIDE], tool_choice=choice
        )

    request = setup.server.requests[0]
    schema = json.dumps(at(request.raw, "response_format", "json_schema", "schema"))
    assert {name for name in ("weather", "tide") if f'{{"const": "{name}"}}' in schema} == names
    assert request.tool_names == ("weather", "tide")  # the beginning of the prompt stays the same
    assert message.stop_reason == "tool_use"
    assert [(block.name, block.input) for block in calls_in([*message.content])] == [("weather", {"town": "Oslo"})]


async def test_a_tool_keeps_its_name_description_and_schema(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(reply(say("Well.")))) as setup:
        await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, tools=[WEATHER])

    (tool,) = setup.server.requests[0].body.tools
    assert (tool.function.name, tool.function.description) == ("weather", "Returns the weather of a town.")
    assert tool.function.parameters == WEATHER["input_schema"]


@pytest.mark.parametrize(
    "is_threaded",
    [
        False,
        True,
    ],
)
async def test_the_sdks_tool_runner_runs_tools_until_the_model_is_done(tmp_path: Path, is_threaded: bool) -> None:
    requested: list[str] = []

    @beta_async_tool
    async def weather(town: str) -> str:
        """Return the weather of a town."""
        requested.append(town)
        return f"Rain in {town}."

    script = in_turn(
        reply(Call("weather", '{ "town" : "Köln" }'), call("weather", town="Bonn")),
        lambda request: reply(say(" ".join(result.text for result in request.tool_results))),
    )
    async with sdk_setup(tmp_path, script) as setup:
        runner = setup.client.beta.messages.tool_runner(
            model=MODEL,
            max_tokens=50,
            messages=[{"role": "user", "content": "Hello?"}],
            tools=[weather],
            max_iterations=4,
            thread=None if is_threaded else False,
        )
        message = await runner.until_done()

    assert sorted(requested) == ["Bonn", "Köln"]
    assert message.content[0].type == "text"
    assert message.content[0].text == "Rain in Köln. Rain in Bonn."
