"""An unknown argument means a known one only if there is one reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.tool_schemas.argument_names import renames

READ = {"file_path", "offset", "limit"}
EDIT = {"file_path", "old_string", "new_string", "replace_all"}
GREP = {"pattern", "path", "glob", "output_mode"}


@pytest.mark.parametrize(
    ("written", "known", "meant"),
    [
        (["path"], READ, {"path": "file_path"}),
        (["filePath"], READ, {"filePath": "file_path"}),
        (["FILE-PATH"], READ, {"FILE-PATH": "file_path"}),
        (["filename", "limit"], READ, {"filename": "file_path"}),
        (["old", "new", "file"], EDIT, {"old": "old_string", "new": "new_string", "file": "file_path"}),
        (["old_str", "newStr"], EDIT, {"old_str": "old_string", "newStr": "new_string"}),
        (["query", "dir"], GREP, {"query": "pattern", "dir": "path"}),
        (["outputMode"], GREP, {"outputMode": "output_mode"}),
        (["cmd"], {"command"}, {"cmd": "command"}),
        (["text"], {"content"}, {"text": "content"}),
        (["file_path", "path"], READ, {}),
        (["path", "file"], READ, {}),
        (["path", "filePath"], READ, {}),
        (["path"], {"file_path", "directory"}, {}),
        (["fooBar"], {"foo_bar", "foo-bar"}, {}),
        (["lines"], READ, {}),
        (["path"], GREP, {}),
    ],
)
def test_an_alias_is_understood_where_it_has_one_reading(
    written: list[str], known: set[str], meant: dict[str, str]
) -> None:
    assert renames(written, known, known) == meant


def test_an_argument_that_is_not_expected_is_not_meant() -> None:
    assert renames(["path"], READ, {"limit"}) == {}


names = st.sampled_from(["path", "file", "filePath", "file_path", "dir", "old", "oldStr", "old_string", "text", "x"])


@given(st.lists(names, unique=True), st.sets(names))
def test_no_argument_is_overwritten_and_none_is_meant_twice(written: list[str], known: set[str]) -> None:
    meant = renames(written, known, known)

    assert set(meant) <= set(written) - known
    assert set(meant.values()) <= known - set(written)
    assert len(set(meant.values())) == len(meant)
