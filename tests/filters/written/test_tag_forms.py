"""What the tags of several families hold is told by how it begins."""

import pytest
from tests.parts.written_calls import Written, read_calls

from anyclaude.filters.written.calls import NotACall
from anyclaude.filters.written.form import Reader
from anyclaude.filters.written.tag_forms import (
    INVOKE_TAGS,
    in_function_calls,
    in_json,
    in_named_tags,
    in_python,
    in_tags,
    read_tool_call,
    read_tool_calls,
    read_tool_use,
)
from anyclaude.filters.written.tagged_parameters import FUNCTION_TAGS, TOOL_CALL_TAGS, Outer

READ: Written = ("Read", {"file_path": "/a"})
JSON = '{"name": "Read", "arguments": {"file_path": "/a"}}'
PYTHON = 'Read(file_path="/a")'
FUNCTION = "<function=Read><parameter=file_path>/a</parameter></function>"
INVOKE = '<invoke name="Read"><parameter name="file_path">/a</parameter></invoke>'
GLM = "Read\n<arg_key>file_path</arg_key>\n<arg_value>/a</arg_value>\n"
ARGUMENTS = '{"file_path": "/a"}'
NAMED = "<invoke><tool_name>Read</tool_name><parameters><file_path>/a</file_path></parameters></invoke>"
END = "</end>"
OUTER = Outer("<start>", END)
FUNCTION_CALLS = in_function_calls(OUTER, INVOKE_TAGS)
OPENINGS: dict[Reader, str] = {read_tool_call: "<tool_call>", read_tool_calls: "<tool_calls>"}


@pytest.mark.parametrize(
    ("reader", "text", "times"),
    [
        (in_json(END), f"\n{JSON}\n{END}", 1),
        (in_json(END), f"[{PYTHON}]{END}", 1),
        (in_json(), JSON, 1),
        (in_python(END), f"\n{PYTHON}\n{PYTHON}{END}", 2),
        (in_python(END), f"[{PYTHON}, {PYTHON}]{END}", 2),
        (in_python(END), f"{JSON}{END}", 1),
        (in_tags(FUNCTION_TAGS, OUTER), f"\n{FUNCTION}\n{FUNCTION}\n{END}", 2),
        (in_tags(FUNCTION_TAGS, OUTER), f"{FUNCTION}", 1),
        (in_tags(FUNCTION_TAGS, OUTER, is_open=True), f"{FUNCTION.removeprefix('<function=')}{END}", 1),
        (FUNCTION_CALLS, f"\n{INVOKE}\n{INVOKE}\n{END}", 2),
        (FUNCTION_CALLS, f"{PYTHON}{END}", 1),
        (FUNCTION_CALLS, f"[{JSON}]{END}", 1),
        (read_tool_call, f"\n{JSON}\n</tool_call>", 1),
        (read_tool_call, f"<tool_call>\n{JSON}</tool_call>", 1),
        (read_tool_call, f"```json\n{JSON}\n```</tool_call>", 1),
        (read_tool_call, f"{FUNCTION}\n{FUNCTION}</tool_call>", 2),
        (read_tool_call, f"{INVOKE}</tool_call>", 1),
        (read_tool_call, f"{GLM}</tool_call>", 1),
        (read_tool_call, f"{PYTHON}</tool_call>", 1),
        (read_tool_call, f"functions.{PYTHON}</tool_call>", 1),
        (read_tool_call, 'Read {"file_path": "/a"}</tool_call>', 1),
        (read_tool_call, f"<name>Read</name>{ARGUMENTS}</tool_call>", 1),
        (read_tool_use, f"{JSON}</tool_use>", 1),
        (read_tool_use, f"<name>Read</name><input>{ARGUMENTS}</input></tool_use>", 1),
        (FUNCTION_CALLS, f"{NAMED}\n{NAMED}{END}", 2),
        (in_named_tags(OUTER), f"{NAMED}{END}", 1),
        (in_tags(TOOL_CALL_TAGS, is_open=True), f'Read">{ARGUMENTS}</tool_call>', 1),
        (read_tool_calls, f"[{JSON}, {JSON}]</tool_calls>", 2),
        (read_tool_calls, f"{JSON}\n{JSON}\n</tool_calls>", 2),
        (read_tool_calls, f"<tool_call>{JSON}</tool_call>\n<tool_call>{GLM}</tool_call></tool_calls>", 2),
    ],
)
def test_tags_hold_one_call_after_the_other(reader: Reader, text: str, times: int) -> None:
    assert read_calls(reader, text, OPENINGS.get(reader, "<start>")) == ([READ] * times, "")


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (in_json(END), END),
        (in_json(END), PYTHON),
        (in_python(END), "Read the file"),
        (in_tags(FUNCTION_TAGS, OUTER), END),
        (in_tags(FUNCTION_TAGS, OUTER), "<function=Launch></function>"),
        (in_tags(FUNCTION_TAGS, OUTER, is_open=True), "Read"),
        (FUNCTION_CALLS, END),
        (FUNCTION_CALLS, FUNCTION),
        (read_tool_call, "</tool_call>"),
        (read_tool_call, "Read a file</tool_call>"),
        (read_tool_call, "Read\n(a file)</tool_call>"),
        (read_tool_call, "{}</tool_call>"),
        (read_tool_calls, "</tool_calls>"),
        (read_tool_calls, "<tool_call></tool_call></tool_calls>"),
    ],
)
def test_anything_else_is_no_call(reader: Reader, text: str) -> None:
    with pytest.raises(NotACall):
        read_calls(reader, text, OPENINGS.get(reader, "<start>"))


@pytest.mark.parametrize(
    ("reader", "call", "broken"),
    [
        (in_tags(FUNCTION_TAGS, OUTER), FUNCTION, "<function=Launch></function>"),
        (FUNCTION_CALLS, INVOKE, INVOKE.replace("Read", "Launch")),
        (FUNCTION_CALLS, NAMED, NAMED.replace("Read", "Launch")),
        (read_tool_calls, f"<tool_call>{JSON}</tool_call>", "<tool_call>{}</tool_call>"),
    ],
)
def test_a_broken_call_is_left_after_a_whole_one(reader: Reader, call: str, broken: str) -> None:
    assert read_calls(reader, f"{call}{broken}{END}") == ([READ], f"{broken}{END}")


@pytest.mark.parametrize("reader", [in_json(END), in_python(END), in_tags(FUNCTION_TAGS, OUTER), FUNCTION_CALLS])
@pytest.mark.parametrize("text", [JSON, FUNCTION, INVOKE, PYTHON])
def test_a_call_cut_inside_a_value_is_no_call(reader: Reader, text: str) -> None:
    with pytest.raises(NotACall):
        read_calls(reader, text.partition("/a")[0], "<start>", was_cut=True)
