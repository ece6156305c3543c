"""Gemma's calls have bare keys, and strings between tokens that no string contains."""

import pytest
from tests.parts.written_calls import Written, read_calls

from anyclaude.filters.written.calls import NotACall
from anyclaude.filters.written.gemma import GEMMA_3, GEMMA_4, GemmaTokens, read_gemma

READ: Written = ("Read", {"file_path": "/a"})
BOTH = pytest.mark.parametrize("tokens", [GEMMA_3, GEMMA_4], ids=["FunctionGemma", "Gemma 4"])


def played(text: str, tokens: GemmaTokens = GEMMA_4, *, was_cut: bool = False) -> tuple[list[Written], str]:
    """Return the calls after the opening token, with `"` for the token around strings, and what follows them."""
    return read_calls(read_gemma, text.replace('"', tokens.quote), tokens.start, was_cut=was_cut)


@BOTH
@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ('{file_path:"/a"}', {"file_path": "/a"}),
        ('{ file_path : "/a" , limit : 5 }', {"file_path": "/a", "limit": 5}),
        ('{"file_path":"/a"}', {"file_path": "/a"}),
        ("{file_path:/a}", {"file_path": "/a"}),
        ('{file_path:"a,}]{[:b"}', {"file_path": "a,}]{[:b"}),
        ('{file_path:"/a",x:[1,"b",true,null]}', {"file_path": "/a", "x": [1, "b", True, None]}),
        ('{file_path:"/a",x:{y:{z:word}}}', {"file_path": "/a", "x": {"y": {"z": "word"}}}),
        ('{file_path:"/a",x:[[],{}]}', {"file_path": "/a", "x": [[], {}]}),
    ],
)
def test_arguments_are_read_as_values(tokens: GemmaTokens, arguments: str, value: object) -> None:
    assert played(f"call:Read{arguments}{tokens.end}ok", tokens) == ([("Read", value)], "ok")


@BOTH
def test_several_calls_follow_one_another(tokens: GemmaTokens) -> None:
    one = 'call:Read{file_path:"/a"}'

    assert played(f"{one}{tokens.end}\n{tokens.start}{one}{tokens.end}", tokens) == ([READ, READ], "")


def test_the_end_token_may_be_missing() -> None:
    assert played('call:Read{file_path:"/a"}') == ([READ], "")


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        "",
        "Read{}",
        "call:Launch{}",
        "call:Read",
        "call:Read[]",
        "call:Read{",
        'call:Read{file_path:"/a',
        'call:Read{file_path:"/a"',
        'call:Read{file_path:"/a" limit:5}',
        'call:Read{"file_path"}',
        'call:Read{file_path:["a" "b"]}',
        "call:Read{x:" + "[" * 10_000,
        "call:Read" + "{x:" * 10_000,
    ],
    ids=lambda text: text[:40],
)
def test_anything_else_is_no_call(tokens: GemmaTokens, text: str) -> None:
    with pytest.raises(NotACall):
        played(text, tokens)
