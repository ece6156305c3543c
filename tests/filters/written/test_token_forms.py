"""Each family's tokens announce calls in a form of its own."""

import pytest
from tests.parts.written_calls import Written, read_calls

from anyclaude.filters.written.calls import NotACall
from anyclaude.filters.written.form import Reader
from anyclaude.filters.written.token_forms import (
    DEEPSEEK_CALL_ENDS,
    DEEPSEEK_CALLS,
    DEEPSEEK_ENDS,
    DEEPSEEK_SEPARATORS,
    DEEPSEEK_STARTS,
    KIMI_ARGUMENTS,
    KIMI_CALL,
    KIMI_CALL_END,
    KIMI_ENDS,
    KIMI_STARTS,
    SOLAR_ARGUMENTS,
    SOLAR_CALL,
    SOLAR_CALL_END,
    SOLAR_NAME,
    SOLAR_START,
    TOOL_CALL,
    deepseek_spellings,
    read_action,
    read_calling_tool,
    read_deepseek_calls,
    read_functools,
    read_internlm_call,
    read_kimi_calls,
    read_mark,
    read_mistral_calls,
    read_python_tag,
    read_solar_calls,
)

READ: Written = ("Read", {"file_path": "/a"})
ARGUMENTS = '{"file_path": "/a"}'
JSON = f'{{"name": "Read", "arguments": {ARGUMENTS}}}'
DEEPSEEK_START, DEEPSEEK_END = DEEPSEEK_STARTS[0], DEEPSEEK_ENDS[0]
DEEPSEEK_CALL, DEEPSEEK_CALL_END = DEEPSEEK_CALLS[0], DEEPSEEK_CALL_ENDS[0]
DEEPSEEK_SEPARATOR = DEEPSEEK_SEPARATORS[0]
PYTHON = 'Read(file_path="/a")'
V31 = f"{DEEPSEEK_CALL}Read{DEEPSEEK_SEPARATOR}{ARGUMENTS}{DEEPSEEK_CALL_END}"
V3 = f"{DEEPSEEK_CALL}function{DEEPSEEK_SEPARATOR}Read\n```json\n{ARGUMENTS}\n```{DEEPSEEK_CALL_END}"
KIMI = f"{KIMI_CALL}functions.Read:0{KIMI_ARGUMENTS}{ARGUMENTS}{KIMI_CALL_END}"

SOLAR = f"{SOLAR_CALL}0{SOLAR_NAME}Read{SOLAR_ARGUMENTS}{ARGUMENTS}{SOLAR_CALL_END}"


@pytest.mark.parametrize(
    ("reader", "opening", "text", "times"),
    [
        (read_python_tag, "", JSON, 1),
        (read_python_tag, "", f"{JSON}; {JSON}", 2),
        (read_python_tag, "", 'Read.call(file_path="/a")', 1),
        (read_mistral_calls, "[TOOL_CALLS]", f" [{JSON}, {JSON}]", 2),
        (read_mistral_calls, "[TOOL_CALLS]", f"Read[ARGS]{ARGUMENTS}[TOOL_CALLS]Read[ARGS]{ARGUMENTS}", 2),
        (read_mistral_calls, "[TOOL_CALLS]", f"Read[CALL_ID]abc123[ARGS]{ARGUMENTS}", 1),
        (read_mistral_calls, "[TOOL_CALLS]", f"Read{ARGUMENTS}", 1),
        (read_mistral_calls, "[TOOL_CALLS]", f"Read{ARGUMENTS}[TOOL_CALLS]", 1),
        (read_mistral_calls, "[TOOL_CALLS]", f"Read{ARGUMENTS}[TOOL_", 1),
        (read_mistral_calls, "[TOOL_CALLS]", f"[{JSON}][/TOOL_CALLS]", 1),
        (read_mistral_calls, "[TOOL_CALLS]", f"Read{ARGUMENTS}[/TOOL_CALLS]", 1),
        (read_mistral_calls, TOOL_CALL, f"{JSON}[/TOOL_CALL]", 1),
        (read_deepseek_calls, DEEPSEEK_START, f"{V31}\n{V31}{DEEPSEEK_END}", 2),
        (read_deepseek_calls, DEEPSEEK_START, f"{V3}\n{V3}{DEEPSEEK_END}", 2),
        (read_deepseek_calls, DEEPSEEK_START, V31, 1),
        (read_deepseek_calls, DEEPSEEK_CALL, V31.removeprefix(DEEPSEEK_CALL), 1),
        (read_deepseek_calls, DEEPSEEK_CALL, f"Read{ARGUMENTS}", 1),
        (read_kimi_calls, KIMI_STARTS[0], f"{KIMI}{KIMI}{KIMI_ENDS[0]}", 2),
        (read_kimi_calls, KIMI_STARTS[1], f"{KIMI}{KIMI_ENDS[1]}", 1),
        (read_kimi_calls, KIMI_CALL, KIMI.removeprefix(KIMI_CALL), 1),
        (read_kimi_calls, KIMI_CALL, f"Read{ARGUMENTS}", 1),
        (read_kimi_calls, KIMI_CALL, f"Read{DEEPSEEK_SEPARATORS[5]}{ARGUMENTS}", 1),
        (read_solar_calls, SOLAR_START, f"{SOLAR}{SOLAR}", 2),
        (read_solar_calls, SOLAR_CALL, SOLAR.removeprefix(SOLAR_CALL), 1),
        (read_solar_calls, SOLAR_START, SOLAR.removesuffix(SOLAR_CALL_END), 1),
        (read_internlm_call, "", f"<|plugin|>\n{JSON}<|action_end|>", 1),
        (read_functools, "functools", f"[{JSON}]", 1),
        (read_calling_tool, "", f" Read({ARGUMENTS})]", 1),
        (read_calling_tool, "", f"{PYTHON}]", 1),
        (read_calling_tool, "", f" Read {ARGUMENTS}]", 1),
        (read_calling_tool, "", f" Read with arguments: {ARGUMENTS}]", 1),
        (read_calling_tool, "", f" Read]\n{ARGUMENTS}", 1),
        (read_calling_tool, "", f" Read({ARGUMENTS}), Read {ARGUMENTS}]", 2),
        (read_action, "Action:", f" Read\nAction Input: {ARGUMENTS}", 1),
        (read_action, "Action:", f" Read\nAction Input:\n```json\n{ARGUMENTS}\n```", 1),
        (read_action, "Action:", f" ```json\n[{JSON}]\n```", 1),
    ],
)
def test_the_calls_of_a_family_are_read(reader: Reader, opening: str, text: str, times: int) -> None:
    assert read_calls(reader, text, opening) == ([READ] * times, "")


@pytest.mark.parametrize(
    ("reader", "opening", "text"),
    [
        (read_python_tag, "", "print(1)"),
        (read_mistral_calls, "[TOOL_CALLS]", ""),
        (read_mistral_calls, "[TOOL_CALLS]", "Launch[ARGS]{}"),
        (read_mistral_calls, "[TOOL_CALLS]", "Read[ARGS]ok"),
        (read_deepseek_calls, DEEPSEEK_START, DEEPSEEK_END),
        (read_deepseek_calls, DEEPSEEK_START, V31.replace("Read", "Launch")),
        (read_kimi_calls, KIMI_STARTS[0], KIMI_ENDS[0]),
        (read_kimi_calls, KIMI_STARTS[0], KIMI.replace("Read", "Launch")),
        (read_solar_calls, SOLAR_START, JSON),
        (read_solar_calls, SOLAR_START, SOLAR.replace("Read", "Launch")),
        (read_solar_calls, SOLAR_CALL, "0 and its name"),
        (read_solar_calls, SOLAR_CALL, f"0{SOLAR_NAME}Read and its arguments"),
        (read_internlm_call, "", f"<|interpreter|>{JSON}"),
        (read_functools, "functools", ".cache"),
        (read_functools, "functools", "\n[]"),
        (read_calling_tool, "", " Launch({})]"),
        (read_calling_tool, "", " Read]"),
        (read_calling_tool, "", ' Read]\n{"result": 1}'),
        (read_calling_tool, "", f" Read {ARGUMENTS} and more"),
        (read_calling_tool, "", f" Read({ARGUMENTS}]"),
        (read_action, "Action:", " Read the file"),
        (read_action, "Action:", " Launch\nAction Input: {}"),
    ],
)
def test_anything_else_is_no_call(reader: Reader, opening: str, text: str) -> None:
    with pytest.raises(NotACall):
        read_calls(reader, text, opening)


@pytest.mark.parametrize("spelling", range(len(deepseek_spellings())))
def test_all_spellings_of_deepseek_are_read(spelling: int) -> None:
    opening, call, separator, call_end, end = (
        deepseek_spellings(*words.split("▁"))[spelling]
        for words in ("tool▁calls▁begin", "tool▁call▁begin", "tool▁sep", "tool▁call▁end", "tool▁calls▁end")
    )
    text = f"{call}Read{separator}{ARGUMENTS}{call_end}"

    assert read_calls(read_deepseek_calls, f"{text}{text}{end}", opening) == ([READ] * 2, "")


def test_a_broken_call_is_left_after_a_whole_one() -> None:
    broken = V31.replace("Read", "Launch")

    assert read_calls(read_deepseek_calls, f"{V31}{broken}", DEEPSEEK_START) == ([READ], broken)


def test_a_mark_is_read_alone() -> None:
    assert read_calls(read_mark, "text", "<|END_RESPONSE|>") == ([], "text")
