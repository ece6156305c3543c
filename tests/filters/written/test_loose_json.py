"""Without tags, only a whole value that has nothing but calls in it is a call, and its beginning decides early."""

import pytest
from tests.parts.written_calls import Written, offered, read, written

from anyclaude.filters.written.calls import NotACall
from anyclaude.filters.written.form import Found
from anyclaude.filters.written.loose_json import read_bare_calls, read_fenced_calls
from anyclaude.filters.written.source import Reading, Source

READ: Written = ("Read", {"file_path": "/a"})
JSON = '{"name": "Read", "arguments": {"file_path": "/a"}}'
PYTHON = 'Read(file_path="/a")'


def bare(text: str, *, is_forced: bool = False, was_cut: bool = False) -> tuple[list[Written], str]:
    """Return the calls without a fence, and what follows them."""

    def reader(source: Source) -> Reading[Found]:
        source.mark()
        return (yield from read_bare_calls(source, offered(), is_forced=is_forced))

    found, rest = read(reader, text, was_cut=was_cut)
    return written(found.calls), rest


def fenced(text: str, *, was_cut: bool = False) -> tuple[list[Written], str]:
    """Return the calls after the opening fence, and what follows them."""

    def reader(source: Source) -> Reading[Found]:
        source.mark()
        return (yield from read_fenced_calls(source, offered(), "```"))

    found, rest = read(reader, text, was_cut=was_cut)
    return written(found.calls), rest


@pytest.mark.parametrize(
    ("text", "times", "rest"),
    [
        (JSON, 1, ""),
        (f"{JSON}\nok", 1, "\nok"),
        (f"{JSON}<|im_end|>", 1, "<|im_end|>"),
        (f"{JSON}; {JSON}", 2, ""),
        (f"{JSON},\n{JSON}", 2, ""),
        (f"{JSON} {JSON}", 2, ""),
        (f"[{JSON}, {JSON}]", 2, ""),
        (f"[\n  {JSON}\n]", 1, ""),
        (f"[{PYTHON}, {PYTHON}]", 2, ""),
        (f"{JSON}}} ]", 1, ""),
        (JSON[:-1], 1, ""),
        (JSON.replace('"', "'"), 1, ""),
    ],
)
def test_a_whole_value_is_a_call(text: str, times: int, rest: str) -> None:
    assert bare(text) == ([READ] * times, rest)


@pytest.mark.parametrize(
    "text",
    [
        f"{JSON} is a call",
        f"{JSON}, and more",
        '{"name": "Launch", "arguments": {}}',
        '{"name": "Read", "version": "1.0"}',
        f'{{"a": {JSON}}}',
        "[1, 2]",
        "[Read]",
        "[Launch()]",
        "[[[",
        "{}",
        "{",
        '{"',
        "{5: 6}",
        f'{{"{"x" * 10_000}": 1}}',
        JSON[:40],
    ],
    ids=lambda text: text[:40],
)
def test_anything_else_is_no_call(text: str) -> None:
    with pytest.raises(NotACall):
        bare(text)


@pytest.mark.parametrize("text", ['{"title"', '{"name": "Launch"', "[1,", "{5", "[Launch(", '{"name\n'])
def test_a_value_is_given_up_as_soon_as_it_cannot_be_a_call(text: str) -> None:
    source = Source(text)
    source.mark()

    with pytest.raises(NotACall):
        next(read_bare_calls(source, offered()))


def test_a_forced_call_may_have_its_arguments_beside_its_name() -> None:
    assert bare('{"name": "Read", "file_path": "/a"}', is_forced=True) == ([READ], "")


def test_a_value_that_was_cut_is_no_call() -> None:
    with pytest.raises(NotACall, match="cut"):
        bare(JSON[:-1], was_cut=True)


@pytest.mark.parametrize(
    ("text", "times", "rest"),
    [
        (f"json\n{JSON}\n```\nok", 1, "\nok"),
        (f"\n{JSON}\n{JSON}\n```", 2, ""),
        (f"JSON\n[{JSON}]\n```", 1, ""),
        (f"json\n{JSON[:-1]}\n```", 1, ""),
        (f"tool_code\n{PYTHON}\n```", 1, ""),
        (f"tool_call\n{JSON}\n```", 1, ""),
        (f"json\n{JSON}", 1, ""),
        ('tool_call\n{"name": "Read", "file_path": "/a"}\n```', 1, ""),
    ],
)
def test_a_block_that_consists_of_calls_is_a_call(text: str, times: int, rest: str) -> None:
    assert fenced(text) == ([READ] * times, rest)


@pytest.mark.parametrize(
    "text",
    [
        f"python\n{PYTHON}\n```",
        f"\n{PYTHON}\n```",
        f"json {JSON}\n```",
        'json\n{"name": "Read", "file_path": "/a"}\n```',
        f"json\n{JSON}\nmore\n```",
        "json\n```",
        "json",
        "",
    ],
)
def test_any_other_block_is_code(text: str) -> None:
    with pytest.raises(NotACall):
        fenced(text)


def test_a_block_that_was_cut_after_its_call_is_code() -> None:
    with pytest.raises(NotACall):
        fenced(f"json\n{JSON}\n", was_cut=True)


TAGS = f"<tool_call>\n{JSON}\n</tool_call>"


@pytest.mark.parametrize(
    ("text", "times"),
    [
        (f"xml\n{TAGS}\n```", 1),
        (f"\n{TAGS}\n{TAGS}\n```\n\n", 2),
        (f"tool_call\n{TAGS}```", 1),
        ("xml\n<function=Read><parameter=file_path>/a</parameter></function>\n```", 1),
        (f"\n[TOOL_CALLS][{JSON}]\n```", 1),
    ],
)
def test_a_block_that_consists_of_calls_in_tags_and_ends_the_reply_is_a_call(text: str, times: int) -> None:
    assert fenced(text) == ([READ] * times, "")


@pytest.mark.parametrize(
    "text",
    [
        f"xml\n{TAGS}\n```\nmore",
        f"xml\n{TAGS}\nmore\n```",
        f"xml\n{TAGS}\n",
        f"xml\n{TAGS}",
        f"xml\n<a>{TAGS}</a>\n```",
        f"xml\n<think>\n{TAGS}\n```",
        f"xml\n{JSON}\n```",
        f"text\n{TAGS}\n```",
        f"python\n{TAGS}\n```",
        "xml\n```",
    ],
)
def test_any_other_block_with_tags_is_code(text: str) -> None:
    with pytest.raises(NotACall):
        fenced(text)
