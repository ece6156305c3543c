"""A header of gpt-oss begins a thought, a text, or the arguments of a call."""

import pytest
from tests.parts.written_calls import Written, offered, read, read_calls

from anyclaude.filters.written.calls import NotACall
from anyclaude.filters.written.form import Found
from anyclaude.filters.written.harmony import ENDS, STARTS, STRIPPED, read_harmony, read_stripped

READ: Written = ("Read", {"file_path": "/a"})
CALL = 'commentary to=functions.Read <|constrain|>json<|message|>{"file_path": "/a"}'


@pytest.mark.parametrize("end", ["", *ENDS])
def test_a_message_to_a_tool_is_a_call(end: str) -> None:
    assert read_calls(read_harmony, f"{CALL}{end}", "<|channel|>") == ([READ], "")


def test_the_recipient_may_stand_in_the_opening() -> None:
    assert read_calls(read_harmony, 'Read<|message|>{"file_path": "/a"}ok', "to=functions.") == ([READ], "ok")


@pytest.mark.parametrize(
    "header",
    [
        "commentary to=assistant<|channel|>functions.Read<|constrain|>json",
        "commentary to=repo_browser.Read code",
        "analysis to=functions.Read <|constrain|>application/json",
    ],
)
def test_the_recipient_is_the_tool_that_the_header_names(header: str) -> None:
    assert read_calls(read_harmony, f'{header}<|message|>{{"file_path": "/a"}}', "<|channel|>") == ([READ], "")


@pytest.mark.parametrize("between", [" ", " json ", "\n", " <|constrain|>json<|message|>", "<|message|>"])
@pytest.mark.parametrize("end", ["", *ENDS])
def test_a_header_may_have_lost_its_tokens(between: str, end: str) -> None:
    assert read_calls(read_stripped, f'Read{between}{{"file_path": "/a"}}{end}', STRIPPED) == ([READ], "")


@pytest.mark.parametrize("text", ["Read is the header", "Launch json {}", "Read json"])
def test_a_header_without_tokens_and_arguments_is_none(text: str) -> None:
    with pytest.raises(NotACall):
        read_calls(read_stripped, text, STRIPPED)


def test_a_call_may_have_no_arguments() -> None:
    found, rest = read_calls(read_harmony, "commentary to=functions.Read<|message|><|call|>", "<|channel|>")

    assert (found, rest) == ([("Read", {})], "")


@pytest.mark.parametrize(
    ("header", "thought_ends"),
    [
        ("analysis", (*ENDS, *STARTS)),
        ("final", ()),
        ("commentary", ()),
        ("assistant<|channel|>analysis", (*ENDS, *STARTS)),
        ("commentary?", ()),
        ("commentary to=assistant", ()),
    ],
)
def test_only_the_analysis_channel_is_a_thought(header: str, thought_ends: tuple[str, ...]) -> None:
    found, rest = read(lambda source: read_harmony(source, offered(), "<|channel|>"), f"{header}<|message|>Hello")

    assert (found, rest) == (Found(thought_ends=thought_ends), "Hello")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "final",
        "final\n<|message|>",
        "x" * 201 + "<|message|>",
        "commentary to=functions.Launch<|message|>{}",
        CALL[:-3],
        ", <|message|> and <|call|>",
        "{channel}<|message|>",
        "<|message|>",
    ],
    ids=lambda text: text[:40],
)
def test_anything_else_is_no_message(text: str) -> None:
    with pytest.raises(NotACall):
        read_calls(read_harmony, text, "<|channel|>")
