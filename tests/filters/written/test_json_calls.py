"""Where a tag has announced calls, they are read in JSON or Python up to what is neither."""

import pytest
from tests.parts.written_calls import Written, offered, read, written

from anyclaude.filters.written.calls import FoundCall, NotACall
from anyclaude.filters.written.json_calls import (
    read_arguments_of,
    read_damaged_calls,
    read_json_calls,
    read_python_calls,
    read_whole_span,
    skip_fence,
)
from anyclaude.filters.written.source import Reading, Source

JSON = '{"name": "Read", "arguments": {"file_path": "/a"}}'
ESCAPED = JSON.replace('"', '\\"')
PYTHON = 'Read(file_path="/a")'
READ: Written = ("Read", {"file_path": "/a"})


def json_calls(source: Source) -> Reading[tuple[FoundCall, ...]]:
    """Read calls in JSON up to an end tag."""
    source.mark()
    return (yield from read_json_calls(source, offered(), "</end>"))


def damaged_calls(source: Source) -> Reading[tuple[FoundCall, ...]]:
    """Read damaged calls up to an end tag."""
    return (yield from read_damaged_calls(source, offered(), "</end>"))


def python_calls(source: Source) -> Reading[tuple[FoundCall, ...]]:
    """Read calls in Python up to an end tag."""
    source.mark()
    return (yield from read_python_calls(source, offered(), "</end>"))


@pytest.mark.parametrize(
    ("text", "times", "rest"),
    [
        (f" {JSON}</end>ok", 1, "ok"),
        (f"{JSON}\n{JSON}</end>", 2, ""),
        (f"{JSON}; {JSON},{JSON}</end>", 3, ""),
        (f"[{JSON}, {JSON}]</end>", 2, ""),
        (f"[{PYTHON}]</end>", 1, ""),
        (f"```json\n{JSON}\n```</end>", 1, ""),
        (f"{JSON}}}}}</end>", 1, ""),
        (f"{JSON}\n```\n</end>ok", 1, "ok"),
        (f"{JSON[:-1]}</end>ok", 1, "ok"),
        (f"{JSON} ok", 1, "ok"),
        (JSON, 1, ""),
        (JSON[:-2], 1, ""),
    ],
)
def test_calls_in_json_follow_one_another(text: str, times: int, rest: str) -> None:
    found, left = read(json_calls, text)

    assert (written(found), left) == ([READ] * times, rest)


@pytest.mark.parametrize("text", ["", "ok", "</end>", "[]</end>", '{"a": 1}</end>', JSON[:30]])
def test_anything_else_than_json_is_no_call(text: str) -> None:
    with pytest.raises(NotACall):
        read(json_calls, text)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (f"{ESCAPED}</end>ok", "ok"),
        (f'"{ESCAPED}"\n</end>', ""),
        (f"{JSON[1:]}\n</end>ok", "ok"),
        (f"{JSON[1:-1]}</end>", ""),
        (JSON[1:], ""),
    ],
)
def test_damaged_calls_end_at_the_tag(text: str, rest: str) -> None:
    found, left = read(damaged_calls, text)

    assert (written(found), left) == ([READ], rest)


@pytest.mark.parametrize("text", [f'"{JSON}"</end>', "ok</end>", '"name": "Read"', ESCAPED.replace("Read", "Launch")])
def test_what_is_damaged_otherwise_is_no_call(text: str) -> None:
    with pytest.raises(NotACall):
        read(damaged_calls, text + " and more")


@pytest.mark.parametrize(
    ("text", "times", "rest"),
    [
        (f" {PYTHON}</end>ok", 1, "ok"),
        (f"{PYTHON}\n{PYTHON}", 2, ""),
        (f"{PYTHON}, {PYTHON};</end>", 2, ""),
    ],
)
def test_calls_in_python_follow_one_another(text: str, times: int, rest: str) -> None:
    found, left = read(python_calls, text)

    assert (written(found), left) == ([READ] * times, rest)


@pytest.mark.parametrize("text", ["", f"[{PYTHON}", "Read", "Read file", 'Read(file_path="/a', "5"])
def test_anything_else_than_python_is_no_call(text: str) -> None:
    with pytest.raises(NotACall):
        read(python_calls, text)


@pytest.mark.parametrize(
    ("text", "rest"), [('{"file_path": "/a"} ok', " ok"), ('```json\n{"file_path": "/a"}\n```ok', "ok")]
)
def test_arguments_may_stand_in_a_fence(text: str, rest: str) -> None:
    found, left = read(lambda source: read_arguments_of(source, offered(), "Read"), text)

    assert (written([found]), left) == ([READ], rest)


@pytest.mark.parametrize("text", ["", "ok", "[1]", "```json\n[1]\n```"])
def test_arguments_are_an_object(text: str) -> None:
    with pytest.raises(NotACall):
        read(lambda source: read_arguments_of(source, offered(), "Read"), text)


@pytest.mark.parametrize(
    ("text", "was_cut", "is_whole"),
    [
        ('{"a": 1}', True, True),
        ('{"a": 1', True, False),
        ('{"a": "b"', False, True),
        ('{"a": "b', False, False),
        ('{"a": 1</end>', True, True),
        ('{"a": "b</end>', False, True),
    ],
)
def test_a_value_is_whole_unless_the_reply_ended_inside_it(text: str, was_cut: bool, is_whole: bool) -> None:
    def reader(source: Source) -> Reading[str]:
        source.mark()
        return (yield from read_whole_span(source, "</end>")).text

    if is_whole:
        assert read(reader, text, was_cut=was_cut)[0] == text.removesuffix("</end>")
    else:
        with pytest.raises(NotACall, match="cut"):
            read(reader, text, was_cut=was_cut)


@pytest.mark.parametrize(
    ("text", "fence", "rest"),
    [("```json\n\n {", "```json\n\n ", "{"), ("```\n{", "```\n", "{"), ("``{", "", "``{"), ("{", "", "{")],
)
def test_the_opening_of_a_fence_is_read_with_its_line(text: str, fence: str, rest: str) -> None:
    assert read(skip_fence, text) == (fence, rest)


def test_a_fence_after_calls_that_holds_none_is_not_read() -> None:
    found, left = read(json_calls, f"{JSON}\n```python\nx = 1\n```")

    assert (written(found), left) == ([READ], "```python\nx = 1\n```")


@pytest.mark.parametrize("text", ["[launch(", "launch(", '{"name": "Launch"', "[5,", "[(", "{items.map", '[["', "{5"])
def test_what_is_no_call_of_an_offered_tool_is_given_up_at_once(text: str) -> None:
    source = Source(text)
    source.mark()
    reader = read_json_calls if text[0] in "[{" else read_python_calls

    with pytest.raises(NotACall):
        next(reader(source, offered(), "</end>"))
