"""What counts as a fault of a plain answer."""

import pytest
from benchmarks.plain_answers.judgement import (
    Answer,
    Faults,
    begins_like_code,
    contains_a_marker,
    faults_of,
    repeats_itself,
)


@pytest.mark.parametrize(
    "text", ["```python\n1", '{"name": 1}', " import os", "def f():", "// a", "#include <a>", "<a>"]
)
def test_code_is_recognised_by_its_beginning(text: str) -> None:
    assert begins_like_code(text)


@pytest.mark.parametrize("text", ["Hello! `x` is a name.", "Important: no.", "", "Classes are fun.", "1. One"])
def test_prose_does_not_begin_like_code(text: str) -> None:
    assert not begins_like_code(text)


def test_text_of_a_template_is_a_marker() -> None:
    assert contains_a_marker("It is:\n@tool_response\n42")
    assert contains_a_marker("<tool_response>\n42")
    assert not contains_a_marker("A tool responded: 42 < 43")


def test_a_sentence_repeats_itself_when_it_occurs_three_times() -> None:
    assert repeats_itself("I am here. Yes. I am here! I am here")
    assert not repeats_itself("I am here. I am here. No. No. No.")


def test_an_answer_counts_for_each_of_its_faults() -> None:
    answers = [Answer("```\n@tool_call", ended=False), Answer("Hello!", ended=True), Answer("\n", ended=True)]

    faults = faults_of(answers)

    assert faults == Faults(begins_like_code=1, contains_a_marker=1, did_not_end=1, is_empty=1)
    assert faults.total == 4
