"""Arguments in tags of their own end where the call goes on, not at the first closing tag."""

import pytest
from tests.parts.written_calls import Written, offered, read, written

from anyclaude.filters.written.calls import NAME_CHARACTERS, FoundCall, NotACall
from anyclaude.filters.written.source import Reading, Source
from anyclaude.filters.written.tagged_parameters import (
    FUNCTION_TAGS,
    GLM_TAGS,
    invoke_tags,
    read_name,
    read_tagged_call,
)

WRITE: Written = ("Write", {"file_path": "/a", "content": "b"})


def call_in(text: str, *, was_cut: bool = False) -> tuple[Written, str]:
    """Return the call of `Write` with tagged parameters, `p=` short for `parameter=`, and what follows it."""

    def reader(source: Source) -> Reading[FoundCall]:
        source.mark()
        return (yield from read_tagged_call(source, offered(), "Write", FUNCTION_TAGS))

    found, rest = read(reader, text.replace("<p=", "<parameter=").replace("</p>", "</parameter>"), was_cut=was_cut)
    return written([found])[0], rest


@pytest.mark.parametrize(
    "text",
    [
        "<p=file_path>/a</p><p=content>b</p></function>",
        "\n<p=file_path>\n/a\n</p>\n<p=content>\nb\n</p>\n</function>",
        "<p=file_path>/a<p=content>b</p></function>",
        "<p=file_path>/a</p><p=content>b</function>",
        "<p=file_path>/a</p><p=content>b</p>",
        "<p=file_path>/a</param><p=content>b</parameter=content></function>",
        "<p=content>b<p=file_path>/a\n</function>",
        "<p=file_path>\r\n/a\r\n</p>\r\n<p=content>\r\nb\r\n</p>\r\n</function>",
        "<file_path>/a</file_path><content>b</content></function>",
        '<parameter name="file_path">/a</p><param name="content">b</p></function>',
        '{"file_path": "/a", "content": "b"}</function>',
    ],
)
def test_parameters_are_read_in_all_their_forms(text: str) -> None:
    assert call_in(text) == (WRITE, "")


@pytest.mark.parametrize("end", ["</tool_call>", "\n</tool_call> and more"])
def test_the_end_of_the_tags_around_a_call_ends_it_and_is_not_read(end: str) -> None:
    assert call_in(f"<p=file_path>/a</p><p=content>b</p>{end}") == (WRITE, end.lstrip())


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("", ""),
        (" b ", " b "),
        ("\n  b\n\n", "  b\n"),
        ("b</p>c", "b</parameter>c"),
        ("<p=x>y</p>", "<parameter=x>y</parameter>"),
        ("<function=Read><p=x>y</p></function>", "<function=Read><parameter=x>y</parameter></function>"),
        ("<tool_call>{}</tool_call>", "<tool_call>{}</tool_call>"),
        ('{"a": 1}', '{"a": 1}'),
        ("5", "5"),
        ("</tool_", "</tool_"),
        ("</parameter=other>", "</parameter=other>"),
        ("</parameter=", "</parameter="),
        ("<parameter=", "<parameter="),
        ("\r\nb\nc\r\n\r\n", "b\nc\r\n"),
        ("\0\ud800", "\0\ufffd"),
    ],
)
def test_a_value_may_contain_its_own_tags_and_stays_as_it_was_written(value: str, content: str) -> None:
    (_, arguments), rest = call_in(f"<p=file_path>/a</p><p=content>{value}</p></function>ok")

    assert (arguments, rest) == ({"file_path": "/a", "content": content}, "ok")


def test_a_value_mentions_the_parameter_that_comes_later() -> None:
    text = "<p=content>a <parameter=file_path> b</p><p=file_path>/a</p></function>"

    assert call_in(text)[0] == ("Write", {"content": "a <parameter=file_path> b", "file_path": "/a"})


def test_a_parameter_given_twice_keeps_its_first_value() -> None:
    assert call_in("<p=file_path>/a</p><p=content>b</p><p=content>c</p></function>")[0] == WRITE


@pytest.mark.parametrize(
    ("text", "was_cut"),
    [
        ("hello", False),
        ("<p=file_path>/a</p>", True),
        ("<p=file_path>/a", True),
        ("<p=>/a</p></function>", False),
        ("<p=file_path", False),
        ("{" + '"file_path": "/a"', False),
    ],
)
def test_anything_else_is_no_call(text: str, was_cut: bool) -> None:
    with pytest.raises(NotACall):
        call_in(text, was_cut=was_cut)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<arg_key>file_path</arg_key><arg_value>/a</arg_value></tool_call>ok", "ok"),
        ("\n<arg_key>file_path</arg_key>\n<arg_value>/a</arg_value>\n</tool_call>", ""),
    ],
)
def test_a_value_may_have_an_opening_tag_of_its_own(text: str, rest: str) -> None:
    found, left = read(lambda source: read_tagged_call(source, offered(), "Read", GLM_TAGS), text)

    assert (written([found]), left) == ([("Read", {"file_path": "/a"})], rest)


def test_a_value_without_its_opening_tag_is_no_call() -> None:
    with pytest.raises(NotACall, match="no value"):
        read(lambda source: read_tagged_call(source, offered(), "Read", GLM_TAGS), "<arg_key>file_path</arg_key>/a")


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [("Read>x", "Read", "x"), ('"Read">x', "Read", "x"), ('Read" id="1">x', "Read", "x"), ("'Read'>", "Read", "")],
)
def test_a_name_ends_with_its_tag(text: str, name: str, rest: str) -> None:
    assert read(read_name, text) == (name, rest)


@pytest.mark.parametrize("text", [">", "Read", "Read\n>", "x" * (NAME_CHARACTERS + 1) + ">"], ids=lambda text: text[:9])
def test_a_tag_without_a_name_or_an_end_is_no_call(text: str) -> None:
    with pytest.raises(NotACall, match=r"no (name|end)"):
        read(read_name, text)


@pytest.mark.parametrize("text", ["Read\n<arg_value>", "Read<arg_value>"])
def test_the_end_of_a_tag_may_be_missing_before_what_follows_it(text: str) -> None:
    assert read(lambda source: read_name(source, "</arg_key>", ("<arg_value>",)), text) == ("Read", "<arg_value>")


@pytest.mark.parametrize("text", ["Read\nof", "Read\n", "\n<arg_value>"])
def test_before_anything_else_it_may_not(text: str) -> None:
    with pytest.raises(NotACall):
        read(lambda source: read_name(source, "</arg_key>", ("<arg_value>",)), text)


def test_the_invoke_form_has_a_prefix_in_all_its_tags() -> None:
    tags = invoke_tags("x:")

    assert all(opening.startswith("<x:") for opening in tags.openings)
    assert (tags.call_end, tags.parameter_ends[0]) == ("</x:invoke>", "</x:parameter>")
