"""What a model wrote into its text becomes thinking and tool calls; everything else arrives as it came."""

import pytest
from tests.parts.written_calls import Written, filter_of, filtered, filtered_text

from anyclaude.filters import CallNote, FilterContext
from anyclaude.filters.written import written_replies
from anyclaude.filters.written.filter import MAX_CALL_CHARACTERS, MAX_OPENINGS_IN_LINE, WrittenReplies
from anyclaude.filters.written.output import FIRST_SLOT
from anyclaude.filters.written.surroundings import Judgement, Surroundings
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import (
    Delta,
    Finished,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from anyclaude.protocol.json_values import decode_json

JSON = '{"name": "Read", "arguments": {"file_path": "/a"}}'
CALL = f"<tool_call>{JSON}</tool_call>"
READ: Written = ("Read", {"file_path": "/a"})


def simple(deltas: list[Delta]) -> list[object]:
    """Return text as it is, pieces in a row as one, thinking in a tuple, calls as name and arguments."""
    shown: list[object] = []
    for delta in deltas:
        match delta:
            case TextDelta(text):
                before = shown.pop() if shown and isinstance(shown[-1], str) else ""
                shown.append(f"{before}{text}")
            case ThinkingDelta(text):
                shown.append((text,))
            case ToolCallDelta(name=name, arguments=arguments):
                shown += [(name, decode_json(arguments.encode()))] if name else []
            case _:
                shown.append(delta)
    return shown


def written_in(deltas: list[Delta]) -> str:
    """Return the model's own text of the calls, and the text around them."""
    return "".join(
        delta.written if isinstance(delta, ToolCallDelta) else delta.text
        for delta in deltas
        if isinstance(delta, ToolCallDelta | TextDelta)
    )


# text


def test_of_a_line_full_of_openings_the_rest_is_text_and_none_of_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []

    def judgement(surroundings: Surroundings) -> Judgement:
        judged.append(surroundings.line)
        return "meant"

    monkeypatch.setattr(Surroundings, "judgement", judgement)
    line = "<tool_call>1" * 1_000 + CALL

    assert simple(filtered_text(line)) == [line]
    assert len(judged) <= 2 * MAX_OPENINGS_IN_LINE


def test_a_call_in_the_line_after_one_full_of_openings_is_a_call() -> None:
    line = "<tool_call>1" * 1_000 + "\n"

    assert simple(filtered_text(line + CALL)) == [line, READ]


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world.",
        "a\nb\n",
        "a < b and c <= d, x[0] and <div>",
        "\0",
        "\ud800 alone",
        "I `run` it.",
    ],
)
def test_plain_text_is_passed_on_as_it_arrives(text: str) -> None:
    started = filter_of()
    started.feed([TextDelta("So: ")])

    assert started.feed([TextDelta(text)]) == [TextDelta(text)]


@pytest.mark.parametrize("text", [" ", "\n\n", "  a", "\n\na\n ", "    code", "<", "[", "`", "```", "{", "<tool_call"])
def test_a_reply_without_a_call_comes_out_whole(text: str) -> None:
    assert simple(filtered_text(text)) == [text]


@pytest.mark.parametrize(
    ("arrived", "delivered"),
    [
        ("Now <tool", ["Now "]),
        ("Now <toy", ["Now <toy"]),
        ("Now <tool_call>{", ["Now "]),
        ("Now <tool_call>hello ", ["Now <tool_call>hello "]),
        ('{"name": "Re', []),
        ('{"title"', ['{"title"']),
        ('{"name": "Launch"', ['{"name": "Launch"']),
        ("```json\n{", []),
        ("```py\n", ["```py\n"]),
        ("Acti", []),
        ("Acting", ["Acting"]),
        ("<think>Why", [("Why",)]),
        ("<think>Why</th", [("Why",)]),
    ],
)
def test_text_is_held_back_only_while_it_may_be_a_call(arrived: str, delivered: list[object]) -> None:
    assert simple(filter_of().feed([TextDelta(arrived)])) == delivered


def test_a_call_is_delivered_when_its_last_character_arrives() -> None:
    started = filter_of()
    held = started.feed([TextDelta(f"Now\n{CALL[:-1]}")])

    assert simple(held) == ["Now\n"]
    assert simple(started.feed([TextDelta(CALL[-1])])) == [READ]


# calls


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (CALL, [READ]),
        (JSON, [READ]),
        (f"```json\n{JSON}\n```", [READ]),
        (f"Now\n{CALL}\nDone.", ["Now\n", READ, "Done."]),
        (f"{CALL}\n{CALL}", [READ, READ]),
        (f"{CALL}\nand\n{JSON}\n{CALL}", [READ, "and\n", READ, READ]),
        (f"Let me look. {CALL}", ["Let me look. ", READ]),
        (f"{CALL}<|im_end|>", [READ]),
        (f"{CALL}</tool_call>", [READ]),
        (f"{CALL}\n<tool_call>\n", [READ]),
        (f"{CALL}<|im_e", [READ]),
        (f"{CALL}<", [READ]),
        (f"```\n{CALL}\n```", [READ]),
        (f"```\ncode\n```\n{CALL}", ["```\ncode\n```\n", READ]),
        (f"> quoted\n\n{CALL}", ["> quoted\n\n", READ]),
        (f"<tool_call>oops\n{CALL}", ["<tool_call>oops\n", READ]),
    ],
)
def test_a_call_is_recognised_where_it_stands(reply: str, shown: list[object]) -> None:
    whole = filtered_text(reply)
    in_characters = filtered([*map(TextDelta, reply), Finished("end_turn")])

    assert simple(whole) == shown
    assert written_in(whole) == written_in(in_characters[:-1]) == reply


@pytest.mark.parametrize(
    "reply",
    [
        f"`{CALL}`",
        f"``a ` {CALL}``",
        f"```\n{CALL}\n```\nok",
        f"```html\n{CALL}\n```",
        f"~~~\n{CALL}\n~~~",
        f"````\n```\n{CALL}\n```\n````",
        f"```python\n{CALL}\n",
        f"Text:\n\n    {CALL}",
        f"> {CALL}",
        f'He wrote "{CALL}".',
        f"({CALL})",
        f"A call is {CALL}, as you see.",
        f"For example:\n{CALL}",
        f"It looks like this: {CALL}",
        f"For example:\n{JSON}",
        f"For example:\n```json\n{JSON}\n```",
        f'{{"data": [\n{JSON}\n]}}',
        f"I write {JSON}",
        CALL.replace("Read", "Launch"),
    ],
)
def test_code_quotations_examples_and_other_tools_are_text(reply: str) -> None:
    assert simple(filtered_text(reply)) == [reply]


def test_without_tools_calls_are_text_and_thoughts_are_thoughts() -> None:
    reply = f"<think>Why?</think>{CALL}\n{JSON}"

    assert simple(filtered_text(reply, filter_of(tools=()))) == [("Why?",), f"{CALL}\n{JSON}"]


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
@pytest.mark.parametrize("reply", [CALL[:-13], JSON[:-1], f"```json\n{JSON[:-1]}", CALL[:40], "<tool_c"])
def test_a_cut_call_is_text(reply: str, reason: StopReason) -> None:
    assert simple(filtered_text(reply, reason=reason)) == [reply]


@pytest.mark.parametrize("reply", [f"<tool_call>{JSON}", f"<tool_call>{JSON[:-1]}", JSON[:-1]])
def test_a_call_without_its_end_is_one_if_the_model_ended_the_reply(reply: str) -> None:
    assert simple(filtered_text(reply)) == [READ]


def test_a_forced_call_is_read_more_freely() -> None:
    reply = '{"name": "Read", "file_path": "/a"}'

    assert simple(filtered_text(reply)) == [reply]
    assert simple(filtered_text(reply, filter_of(is_call_forced=True))) == [READ]


def test_several_calls_of_one_form_share_its_text() -> None:
    reply = f"<tool_call>[{JSON}, {JSON}]</tool_call>\n"
    deltas = filtered_text(reply)

    calls = [delta for delta in deltas if isinstance(delta, ToolCallDelta) and delta.name]
    assert [call.slot for call in calls] == [FIRST_SLOT, FIRST_SLOT + 1]
    assert [call.written for call in calls] == [f"<tool_call>[{JSON}", f", {JSON}]</tool_call>"]
    assert written_in(deltas) == reply


# thoughts


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("<think>\nWhy?\n</think>\n\nSo.", [("Why?",), "So."]),
        ("<think>Why?", [("Why?",)]),
        ("<think></think>So.", ["So."]),
        (f"<think>{CALL}</think>{CALL}", [(CALL,), READ]),
        ("So.\n<think>Why?</think>Yes.", ["So.\n", ("Why?",), "Yes."]),
        ("The <think> tag", ["The <think> tag"]),
        ("[THINK]Why?[/THINK]So.", [("Why?",), "So."]),
        (
            "<|channel|>analysis<|message|>Why?<|end|><|start|>assistant<|channel|>final<|message|>So.<|return|>",
            [("Why?",), "So."],
        ),
        ("So.<|end|>", ["So.<|end|>"]),
    ],
)
def test_a_thought_becomes_thinking(reply: str, shown: list[object]) -> None:
    assert simple(filtered_text(reply)) == shown


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("Why?</think>So.", [("Why?",), "So."]),
        ("<think>Why?</think>So.", [("Why?",), "So."]),
        ("Why?", [("Why?",)]),
        ("\n" * 1_000 + "Why?</think>So.", [("Why?",), "So."]),
        (f"Why?</think>{CALL}", [("Why?",), READ]),
    ],
)
def test_a_reply_may_begin_in_a_thought_that_the_template_opened(reply: str, shown: list[object]) -> None:
    assert simple(filtered_text(reply, filter_of(opens_thinking=True))) == shown


@pytest.mark.parametrize(
    "reply",
    [
        '{"name": "Read", "arguments": {"encoding": "utf-8"}}',
        '{"type": "function", "function": {"name": "Read", "arguments": {"encoding": "utf-8"}}}',
        '{"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"encoding": "utf-8"}}',
    ],
)
def test_bare_json_with_a_calls_usual_keys_is_one_even_if_its_arguments_do_not_fit(reply: str) -> None:
    (call,) = filtered_text(reply)

    assert isinstance(call, ToolCallDelta)
    assert (call.name, call.arguments) == ("Read", '{"encoding": "utf-8"}')


def test_a_server_that_decodes_the_thought_itself_leaves_none_open() -> None:
    deltas: list[Delta] = [ThinkingDelta("Why?"), TextDelta("So.")]

    assert filtered(deltas, filter_of(opens_thinking=True)) == deltas


# what the server has decoded itself


NATIVE = ToolCallDelta(0, "Read", "{}")


@pytest.mark.parametrize("other", [NATIVE, ThinkingDelta("Why?"), Finished("end_turn")])
def test_other_deltas_end_the_text_before_them(other: Delta) -> None:
    assert filtered([TextDelta("Now <tool_c"), other]) == [TextDelta("Now "), TextDelta("<tool_c"), other]


def test_text_after_a_native_call_is_read_anew() -> None:
    deltas = filtered([TextDelta("a `"), NATIVE, TextDelta(CALL), NATIVE, TextDelta("b")])

    assert simple(deltas) == ["a `", ("Read", {}), READ, ("Read", {}), "b"]


def test_usage_is_passed_on_at_once_and_divides_no_call() -> None:
    usage = UsageReported(1)
    deltas = filtered([TextDelta(CALL[:20]), usage, TextDelta(CALL[20:])])

    assert deltas[0] == usage
    assert simple(deltas[1:]) == [READ]


def test_what_is_held_back_is_delivered_before_the_end_is() -> None:
    started = filter_of()
    started.feed([TextDelta("<tool_call>")])

    assert started.feed([Finished("end_turn")]) == [TextDelta("<tool_call>"), Finished("end_turn")]
    assert started.finish() == []


def test_a_reply_that_breaks_off_delivers_what_was_held_back() -> None:
    started = filter_of()
    started.feed([TextDelta("<tool_call>")])

    assert started.finish() == [TextDelta("<tool_call>")]


def test_the_filter_needs_no_tools() -> None:
    made = written_replies(FilterContext((), profile_named("llamacpp"), "local-model"))

    assert isinstance(made, WrittenReplies)


# notes


@pytest.mark.parametrize(
    ("reply", "notes"),
    [
        (CALL, [("recognised", "Read", "tool_call tags")]),
        (JSON, [("recognised", "Read", "bare JSON")]),
        (f"```json\n{JSON}\n```", [("recognised", "Read", "fenced JSON")]),
        (
            CALL.replace("file_path", "path"),
            [("recognised", "Read", "tool_call tags"), ("repaired", "Read", "path is file_path")],
        ),
        (
            CALL.replace("file_path", "colour"),
            [("recognised", "Read", "tool_call tags"), ("invalid", "Read", "`file_path` is missing")],
        ),
        (CALL.replace("Read", "Launch"), [("not_offered", "", "tool_call tags: 'Launch' was not offered")]),
        (JSON.replace("Read", "Launch"), []),
        ("<tool_call>{}</tool_call>", []),
        (f"`{CALL}`", []),
    ],
)
def test_the_journal_is_told_what_was_done(reply: str, notes: list[tuple[str, str, str]]) -> None:
    noted: list[CallNote] = []
    filtered_text(reply, filter_of(noted))

    assert [(note.what, note.tool, note.detail) for note in noted] == notes


# limits


def test_a_call_of_endless_length_is_passed_on_as_text_while_it_arrives() -> None:
    started = filter_of()
    opening, piece = '<tool_call>{"name": "Read", "arguments": {"file_path": "', "x" * 100_000
    delivered = started.feed([TextDelta(opening)])
    pieces = 0
    while not delivered:
        pieces += 1
        delivered = started.feed([TextDelta(piece)])

    assert delivered == [TextDelta(opening + piece * pieces)]
    assert MAX_CALL_CHARACTERS < len(opening + piece * pieces) <= MAX_CALL_CHARACTERS + len(piece)
    assert started.feed([TextDelta(piece)]) == [TextDelta(piece)]
    assert simple([*started.feed([TextDelta(f"\n{CALL}")]), *started.finish()]) == ["\n", READ]


@pytest.mark.parametrize(
    "unit", ["<tool_call>", "<tool_call>{", '<invoke name="Read">', '{"name": "Read" ', "[", "{", "`", "[TOOL_CALLS]"]
)
def test_a_reply_of_openings_alone_loses_nothing(unit: str) -> None:
    reply = unit * 2_000

    assert written_in(filtered_text(reply)) == reply


@pytest.mark.parametrize(
    "arguments",
    [
        '{"file_path": "\\ud800"}',
        '{"file_path": "\ud800"}',
        '{"file_path": "\0"}',
        '{"file_path": ' + "[" * 500 + "]" * 500 + "}",
        '{"' + "x" * 10_000 + '": 1}',
        "9" * 10_000,
    ],
    ids=lambda arguments: repr(arguments[:20]),
)
def test_a_call_with_odd_arguments_is_a_call_or_text_and_loses_nothing(arguments: str) -> None:
    reply = f'<tool_call>{{"name": "Read", "arguments": {arguments}}}</tool_call>'

    assert written_in(filtered_text(reply)) == reply


@pytest.mark.parametrize("name", ["x" * 100_000, "\ud800", "\0", ""], ids=lambda name: repr(name[:9]))
def test_a_call_with_an_odd_name_is_text(name: str) -> None:
    reply = CALL.replace("Read", name)

    assert simple(filtered_text(reply)) == [reply]
