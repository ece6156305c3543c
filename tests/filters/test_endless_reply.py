"""A reply that only repeats itself is ended; ordinary text passes, however it arrives."""

import asyncio
import base64
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.chat_reply import Hold, call, reply, say, think
from tests.parts.chat_script import always
from tests.parts.chat_server import Outcome, chat_server
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.raw_client import ask, prompt
from tests.parts.referee import judge
from tests.parts.replies import any_deltas
from tests.parts.splits import any_split

from anyclaude.filters import EndlessReply, FilterContext, endless_reply
from anyclaude.filters.endless_reply import BLOCK_CHARACTERS, SENTENCE, SPACE_AFTER_CALL, WINDOWS
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported

CONTEXT = FilterContext((), profile_named("llamacpp"), "local-model")
LONGEST = WINDOWS[-1].characters
PROSE = "".join(random.Random(1).choices("abcdefgh ,.\n", k=3 * LONGEST))
"""Text without repetitions of any length."""

LINE = "I will now read the file again.\n"


@dataclass
class Filtered:
    """A reply that passes the filter, and how the filter said it has ended."""

    delivered: list[Delta] = field(default_factory=list)
    ended: list[EndlessReply] = field(default_factory=list)

    def text(self, kind: type[TextDelta] | type[ThinkingDelta] = TextDelta) -> str:
        return "".join(delta.text for delta in self.delivered if isinstance(delta, kind))


def filtered(*deltas: Delta) -> Filtered:
    """Return the reply, each delta fed by itself."""
    result = Filtered()
    made = endless_reply(replace(CONTEXT, end=result.ended.append))
    for delta in deltas:
        result.delivered += made.feed([delta])
    result.delivered += made.finish()
    return result


CALL = ToolCallDelta(0, "Read", '{"file_path": "/a"}')


@pytest.mark.parametrize("as_written", [False, True])
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_white_space_after_a_call_ends_the_reply_without_a_word(size: int, as_written: bool) -> None:
    space = "\n" * size
    pieces: list[Delta] = [ToolCallDelta(0, written=space) if as_written else TextDelta(space)]

    result = filtered(TextDelta("I look."), CALL, *pieces * (1_000 // size), Finished("max_tokens"))

    assert result.ended == [EndlessReply("text", None, SPACE_AFTER_CALL)]
    assert result.delivered[-1] == Finished("end_turn")
    assert result.text() == "I look." + ("" if as_written else "\n" * SPACE_AFTER_CALL)


def test_white_space_between_calls_and_before_text_does_not_end_a_reply() -> None:
    line = TextDelta("\n" * (SPACE_AFTER_CALL - 1))
    reply: list[Delta] = [CALL, line, CALL, line, TextDelta("done"), line, Finished("end_turn")]

    assert filtered(*reply).delivered == reply


ENDLESS = {
    "a line": LINE,
    "three lines": "Let me try.\n```\nls -la\n```\n",
    "a phrase without a line end": "and then the model ",
    "one character": "!",
    "numbers": "0, ",
    "newlines": "\n",
    "a tab and a newline": "\t\n",
    "a paragraph": PROSE[:700] + "\n\n",
    "other scripts": "こんにちは世界🌍",
}


@pytest.mark.parametrize("unit", ENDLESS.values(), ids=ENDLESS.keys())
@pytest.mark.parametrize("kind", [TextDelta, ThinkingDelta])
def test_a_reply_that_repeats_itself_is_ended(unit: str, kind: type[TextDelta] | type[ThinkingDelta]) -> None:
    result = filtered(kind(PROSE[:5_000]), *[kind(unit)] * (200_000 // len(unit)), Finished("max_tokens"))

    assert result.delivered[-2:] == [TextDelta(SENTENCE), Finished("end_turn")]
    delivered = result.text(kind).removesuffix(SENTENCE)
    assert (PROSE[:5_000] + unit * 200_000).startswith(delivered)
    assert len(delivered) <= 5_000 + LONGEST + BLOCK_CHARACTERS
    (end,) = result.ended
    assert end.within == ("text" if kind is TextDelta else "thinking")
    assert end.unit_characters == (None if unit.isspace() else len(unit))


def test_white_space_of_any_kind_is_ended_early() -> None:
    blank = "".join(random.Random(2).choices(" \n\t", k=10 * BLOCK_CHARACTERS))

    assert len(filtered(TextDelta("Done."), TextDelta(blank)).text()) <= 2 * BLOCK_CHARACTERS + len(SENTENCE)


def board(size: int) -> str:
    """Return a board in HTML, as a model unrolls it."""
    row = '<div class="row">\n' + '  <div class="cell"></div>\n' * size + "</div>\n"
    return f'<div class="board">\n{row * size}</div>\n'


ORDINARY = {
    "prose": PROSE,
    "a separator": "=" * 400,
    "a table": "| name | value |\n|------|-------|\n" + "".join(f"| n{i} | 0 |\n" for i in range(3_000)),
    "a list of zeros": "zeros = [" + "0, " * 1_000 + "0]",
    "numbered lines": "".join(f"{number}. I will read the file.\n" for number in range(5_000)),
    "unrolled code": '    printf("hello\\n");\n' * 100,
    "a board in HTML": board(9),
    "a picture": ("+" + "-" * 78 + "+\n" + ("|" + " " * 78 + "|\n") * 20) * 2,
    "base64": base64.b64encode(random.Random(3).randbytes(100_000)).decode(),
    "base64 of zeros": base64.b64encode(bytes(2_000)).decode(),
    "indented code": "".join("    " * (number % 9) + f"x{number} = 0\n" for number in range(5_000)),
}


@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY.keys())
def test_ordinary_text_passes(text: str) -> None:
    deltas: list[Delta] = [*(TextDelta(text[at : at + 4]) for at in range(0, len(text), 4)), Finished("end_turn")]
    result = filtered(*deltas)

    assert result.delivered == deltas
    assert result.ended == []


def test_the_arguments_of_a_call_may_contain_anything() -> None:
    deltas = [ToolCallDelta(0, "Write", LINE * 100) for _ in range(100)]

    assert filtered(*deltas).delivered == deltas


def test_a_call_or_reasoning_between_begins_the_count_again() -> None:
    half = TextDelta(LINE * (3_000 // len(LINE)))
    for between in (ToolCallDelta(0, "Read", "{}"), ThinkingDelta("Hm.")):
        deltas = [half, between] * 50
        assert filtered(*deltas).delivered == deltas

    empty: list[Delta] = [half, TextDelta(""), ThinkingDelta(""), UsageReported(1, 1)] * 50
    assert filtered(*empty).ended != []


def test_what_comes_after_the_end_is_swallowed() -> None:
    result = filtered(TextDelta("\n" * 5_000), TextDelta("more"), UsageReported(1, 2), Finished("max_tokens"))

    assert result.delivered == [TextDelta("\n" * BLOCK_CHARACTERS), TextDelta(SENTENCE), Finished("end_turn")]


@given(st.data(), st.sampled_from([LINE, "\n", "0, ", PROSE[:900]]), st.integers(0, 3_000))
def test_the_end_does_not_depend_on_how_the_text_arrives(data: st.DataObject, unit: str, before: int) -> None:
    text = PROSE[:before] + unit * (2 * LONGEST // len(unit))
    pieces = data.draw(any_split(text))

    whole, split = filtered(TextDelta(text)), filtered(*map(TextDelta, pieces))

    assert split.text() == whole.text()
    assert split.ended == whole.ended
    assert split.delivered[-1] == Finished("end_turn")


@given(st.data(), any_deltas)
def test_short_replies_of_every_kind_pass_in_any_batches(data: st.DataObject, deltas: list[Delta]) -> None:
    made = endless_reply(CONTEXT)

    assert [delta for batch in data.draw(any_split(deltas)) for delta in made.feed(batch)] == deltas


RUNAWAY = [say(LINE * 200)] * 10


async def test_the_client_gets_a_whole_message_and_the_server_is_stopped(tmp_path: Path) -> None:
    never = asyncio.Event()
    async with (
        chat_server(always(reply(think("Hm."), say("Well.\n"), *RUNAWAY, Hold(never)))) as server,
        running_gateway(tmp_path, target_at(server.base_url)) as gateway,
    ):
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt())
        exchange = await server.exchange(1)
        await asyncio.wait_for(exchange.over.wait(), 10)
        record = await gateway.recorded(1)

    verdict = judge(response.body)
    assert (verdict.outcome, verdict.stop_reason) == ("whole", "end_turn")
    assert verdict.texts()[-1].startswith("Well.\n" + LINE)
    assert verdict.texts()[-1].endswith(SENTENCE)
    assert exchange.outcome is Outcome.ABANDONED
    assert record["outcome"] == "completed"
    assert record["endless_reply"] == {
        "within": "text",
        "unit_characters": len(LINE),
        "repeated_characters": WINDOWS[0].characters,
        "was_requested_again": False,
    }


async def test_a_call_before_the_repetition_is_still_run(tmp_path: Path) -> None:
    async with (
        chat_server(always(reply(call("Read", file_path="/a"), say(LINE * 500)))) as server,
        running_gateway(tmp_path, target_at(server.base_url)) as gateway,
    ):
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt())

    verdict = judge(response.body)
    assert (verdict.outcome, verdict.stop_reason) == ("whole", "tool_use")
    assert verdict.texts()[-1].endswith(SENTENCE)


async def test_a_client_that_does_not_stream_gets_the_same(tmp_path: Path) -> None:
    async with (
        chat_server(always(reply(*RUNAWAY))) as server,
        running_gateway(tmp_path, target_at(server.base_url)) as gateway,
    ):
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt(stream=False))

    assert response.json["stop_reason"] == "end_turn"
    assert SENTENCE in response.body.decode().replace("\\n", "\n")


async def test_without_the_filters_the_reply_runs_on(tmp_path: Path) -> None:
    async with (
        chat_server(always(reply(*RUNAWAY))) as server,
        running_gateway(tmp_path, target_at(server.base_url), options=replace(QUICK, endless_reply=False)) as gateway,
    ):
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt())

    assert judge(response.body).texts() == [LINE * 2_000]
