"""A thought is delivered while it arrives, and ends at a tag that does not stand in code."""

import pytest
from tests.parts.written_calls import read

from anyclaude.filters.written.harmony import ENDS, STARTS
from anyclaude.filters.written.output import Output
from anyclaude.filters.written.source import Reading, Source
from anyclaude.filters.written.thought import Thought
from anyclaude.protocol.deltas import Delta, ThinkingDelta


def thought_in(text: str, *ends: str) -> tuple[str, str]:
    """Return the thought at the beginning of the text, and what follows it."""

    def reader(source: Source) -> Reading[list[Delta]]:
        output = Output()
        yield from Thought(source, output, ends or ("</think>",)).read()
        return output.take()

    deltas, rest = read(reader, text)
    return "".join(delta.text for delta in deltas if isinstance(delta, ThinkingDelta)), rest


@pytest.mark.parametrize(
    ("text", "thought", "rest"),
    [
        ("Why?</think>ok", "Why?", "ok"),
        ("\n Why?\n\nSo.\n</think>\nok", "Why?\n\nSo.", "\nok"),
        ("</think>ok", "", "ok"),
        ("Why?", "Why?", ""),
        ("a < b </thin </thinker", "a < b </thin </thinker", ""),
        ("", "", ""),
        ("The `</think>` tag</think>ok", "The `</think>` tag", "ok"),
        ("The ``a`</think>`` tag</think>ok", "The ``a`</think>`` tag", "ok"),
        ("An open ` quote\n</think>ok", "An open ` quote", "ok"),
        ("```\n<p> </think>\n```\n</think>ok", "```\n<p> </think>\n```", "ok"),
        ("```\nleft open\n</think>ok", "```\nleft open", "ok"),
        ('<tool_call>{"name": "Read"}</tool_call></think>ok', '<tool_call>{"name": "Read"}</tool_call>', "ok"),
        ("Go.<|tool_calls_section_begin|>ok", "Go.", "<|tool_calls_section_begin|>ok"),
        ("\0\ud800</think>", "\0\ud800", ""),
        ("<think>\n<think>Why?</think>ok", "Why?", "ok"),
        ("Why?</thinking>ok", "Why?", "ok"),
        ("The </thinking> tag</think>ok", "The </thinking> tag", "ok"),
        ("A <thought>\nb\n</thought>\nc</think>ok", "A <thought>\nb\n</thought>\nc", "ok"),
        ('The "</think>" tag</think>ok', 'The "</think>" tag', "ok"),
        ('Say "Hi"</think>"Hello"', 'Say "Hi"', '"Hello"'),
        ("Why?<|im_end|>\n<|endoftext|>\n", "Why?", ""),
        ("Why?<|im_end|>\nSo.", "Why?<|im_end|>\nSo.", ""),
    ],
)
def test_a_thought_ends_at_its_tag(text: str, thought: str, rest: str) -> None:
    assert thought_in(text) == (thought, rest)


def test_the_beginning_of_the_next_message_ends_a_thought_and_is_not_read() -> None:
    assert thought_in("Why?<|start|>assistant", *ENDS, *STARTS) == ("Why?", "<|start|>assistant")
    assert thought_in("Why?<|end|><|start|>", *ENDS, *STARTS) == ("Why?", "<|start|>")


@pytest.mark.parametrize(
    ("arrived", "delivered"),
    [
        ("Why", "Why"),
        ("Why<|im_end|>", "Why"),
        ("Why<|im_end|>a", "Why<|im_end|>a"),
        ('"</think>', '"'),
        ("Why ", "Why"),
        ("Why</th", "Why"),
        ("Why</b", "Why</b"),
        (" \n", ""),
    ],
)
def test_a_thought_is_delivered_up_to_what_may_be_its_end(arrived: str, delivered: str) -> None:
    output = Output()
    next(Thought(Source(arrived), output, ("</think>",)).read())

    assert "".join(delta.text for delta in output.take() if isinstance(delta, ThinkingDelta)) == delivered
