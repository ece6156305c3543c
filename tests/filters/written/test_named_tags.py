"""Tags may bear the names of the tool and its parameters themselves."""

import pytest
from tests.parts.written_calls import Written, offered, read, written

from anyclaude.filters.written.calls import NotACall
from anyclaude.filters.written.named_tags import read_named_call, read_named_parameters

END = "</invoke>"
READ: Written = ("Read", {"file_path": "/a"})
PARAMETER = "<file_path>/a</file_path>"
ARGUMENTS = '{"file_path": "/a"}'


def call_in(text: str, *, was_cut: bool = False) -> tuple[Written, str]:
    """Return the call, and what follows it."""
    found, rest = read(lambda source: read_named_call(source, offered(), END), text, was_cut=was_cut)
    return written([found])[0], rest


@pytest.mark.parametrize(
    "text",
    [
        f"\n<tool_name>Read</tool_name>\n<parameters>\n{PARAMETER}\n</parameters>\n{END}",
        f"<name>Read</name><arguments>{ARGUMENTS}</arguments>{END}",
        f"<tool>Read</tool>{PARAMETER}{END}",
        f"<name>Read</name><args>```json\n{ARGUMENTS}\n```</args>{END}",
        f"<name>Read</name>{ARGUMENTS}{END}",
        f"<name>Read</name><input>{PARAMETER}</input>",
        f"<name>Read</name><input>{PARAMETER}",
    ],
)
def test_the_name_and_the_arguments_are_read(text: str) -> None:
    assert call_in(text) == (READ, "")


@pytest.mark.parametrize(
    ("text", "was_cut"),
    [
        ("", False),
        (f"{PARAMETER}{END}", False),
        ("<name>Read\n</name>", False),
        (f"<name>Launch</name>{PARAMETER}{END}", False),
        (f"<name>Read</name>{PARAMETER} and more", False),
        ("<name>Read</name><file_path>/a", False),
        (f"<name>Read</name><input>{PARAMETER}", True),
    ],
)
def test_anything_else_is_no_call(text: str, was_cut: bool) -> None:
    with pytest.raises(NotACall):
        call_in(text, was_cut=was_cut)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("b", "b"),
        ("", ""),
        ("\n b\n\n", " b\n"),
        ("\r\nb\r\n", "b"),
        ("<content>b", "<content>b"),
        ("b</content>c", "b</content>c"),
        ("b</content> <p>c", "b</content> <p>c"),
    ],
)
def test_a_value_ends_where_the_call_goes_on(value: str, content: str) -> None:
    text = f"<content>{value}</content>\n<file_path>/a</file_path>{END}"
    found, rest = read(lambda source: read_named_parameters(source, offered(), "Write", END), text)

    assert (found, rest) == ({"content": content, "file_path": "/a"}, END)


def test_other_tags_are_no_parameters() -> None:
    assert read(lambda source: read_named_parameters(source, offered(), "Read", END), "<p>") == ({}, "<p>")
