"""Calls in Python are read with literals as arguments, and nothing else is a call."""

import pytest
from tests.parts.written_calls import Written, offered, written

from anyclaude.filters.written.calls import MAX_REPAIRED_CHARACTERS, NotACall
from anyclaude.filters.written.python_calls import python_calls

READ: Written = ("Read", {"file_path": "/a"})


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('Read(file_path="/a")', [READ]),
        ("  Read(file_path='/a')\n", [READ]),
        ('[Read(file_path="/a")]', [READ]),
        ('Read(file_path="/a"), Read(file_path="/b")', [READ, ("Read", {"file_path": "/b"})]),
        ('Read(file_path="/a")\nRead(file_path="/a")', [READ, READ]),
        ('Read("/a")', [READ]),
        ('Read("/a", limit=5)', [("Read", {"file_path": "/a", "limit": 5})]),
        ('read(path="/a", limit="-5")', [("Read", {"file_path": "/a", "limit": -5})]),
        ('Read(file_path="/a", limit=-5)', [("Read", {"file_path": "/a", "limit": -5})]),
        ('functions.Read(file_path="/a")', [READ]),
        ('Read.call(file_path="/a")', [READ]),
        ('print(Read(file_path="/a"))', [READ]),
        (
            'Edit("/a", "\\n", "\\d", replace_all=true)',
            [("Edit", {"file_path": "/a", "old_string": "\n", "new_string": "\\d", "replace_all": True})],
        ),
        ('Write("/a", "one\ntwo")', [("Write", {"file_path": "/a", "content": "one\ntwo"})]),
        ('Write("/a", """one\ntwo""")', [("Write", {"file_path": "/a", "content": "one\ntwo"})]),
    ],
)
def test_calls_are_read_with_their_arguments(text: str, calls: list[Written]) -> None:
    assert written(python_calls(text, offered())) == calls


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("[None, null]", [None, None]),
        ("[true, True]", [True, True]),
        ("[1, 2.5]", [1, 2.5]),
        ("(1,)", [1]),
        ('{"a": {"b": False}}', {"a": {"b": False}}),
    ],
)
def test_an_argument_is_a_literal(argument: str, value: object) -> None:
    ((_, arguments),) = written(python_calls(f'Read(file_path="/a", x={argument})', offered()))

    assert arguments == {"file_path": "/a", "x": value}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "Read",
        'x = Read(file_path="/a")',
        'import os\nRead(file_path="/a")',
        'Read(file_path="/a") + 1',
        'Launch(file_path="/a")',
        "Read(file_path=path)",
        'Read(file_path=open("/a"))',
        'Read(file_path=f"{a}")',
        'Read(**{"file_path": "/a"})',
        "Read(*files)",
        'Read("/a", 1, 2, 3)',
        'Read(file_path={1: "a"})',
        'Read(file_path=b"a")',
        'tools[0](file_path="/a")',
        'Read(file_path="/a"',
        'Read(file_path="/a\0")',
        "print()",
        "[" * 10_000,
        "Read(x=" + "-" * 10_000 + "1)",
        "Read(x=" + "9" * 10_000 + ")",
        "Read(" + " " * MAX_REPAIRED_CHARACTERS + ")",
    ],
    ids=lambda text: text[:40],
)
def test_anything_else_is_no_call(text: str) -> None:
    with pytest.raises(NotACall):
        python_calls(text, offered())


def test_each_call_has_its_own_text() -> None:
    found = python_calls('[Read(file_path="/a"), Read("/b")]', offered())

    assert [it.text for it in found] == ['Read(file_path="/a")', 'Read("/b")']
