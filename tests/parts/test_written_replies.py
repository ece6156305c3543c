"""The corpus of written replies is sound: its files load, its names are unique, and what it expects can be expected."""

from collections import Counter

import pytest
from jsonschema import Draft202012Validator
from tests.parts.written_replies import (
    Call,
    Piece,
    Text,
    Thinking,
    WrittenReply,
    comparable,
    corpus_files,
    default_tools,
    written_replies,
)

REPLIES = written_replies()
FEWEST_REPLIES = 260
FEWEST_LOOK_ALIKES = 130
"""The issue asks for thirty forms and a hundred look-alikes; a smaller corpus is one of which files were lost."""

DIALECTS_WITH_A_FILE = 40
"""Dialects and oddities; a change that drops one must say so here."""


def calls(reply: WrittenReply) -> list[Call]:
    return [piece for piece in reply.expect if isinstance(piece, Call)]


def test_the_corpus_is_large_enough() -> None:
    look_alikes = [reply for reply in REPLIES if reply.is_look_alike]

    assert len(look_alikes) >= FEWEST_LOOK_ALIKES
    assert len(REPLIES) - len(look_alikes) >= FEWEST_REPLIES


def test_every_dialect_has_a_file_of_its_own() -> None:
    dialects = Counter(file.dialect for file in corpus_files().values())

    assert {dialect for dialect, files in dialects.items() if files > 1} == set()
    assert len(dialects) >= DIALECTS_WITH_A_FILE


def test_every_file_names_models_and_sources() -> None:
    unsourced = [name for name, file in corpus_files().items() if not (file.models and file.sources and file.cases)]

    assert unsourced == []


def test_names_are_unique() -> None:
    repeated = [name for name, times in Counter(reply.id for reply in REPLIES).items() if times > 1]

    assert repeated == []


def test_the_same_reply_is_never_expected_to_mean_two_things() -> None:
    meanings: dict[object, set[str]] = {}
    for reply in REPLIES:
        situation = (reply.reply, reply.finish, reply.opens_thinking, tuple(tool.name for tool in reply.tools))
        meanings.setdefault(situation, set()).add(repr(comparable(reply.expect)))

    assert [situation for situation, meant in meanings.items() if len(meant) > 1] == []


def test_the_schemas_of_the_default_tools_are_schemas() -> None:
    for tool in default_tools():
        Draft202012Validator.check_schema(dict(tool.input_schema or {}))


@pytest.mark.parametrize("reply", [reply for reply in REPLIES if calls(reply)], ids=lambda reply: reply.id)
def test_expected_calls_are_valid_calls_of_offered_tools(reply: WrittenReply) -> None:
    schemas = {tool.name: dict(tool.input_schema or {}) for tool in reply.tools}

    for call in calls(reply):
        Draft202012Validator(schemas[call.name]).validate(call.arguments)


def test_look_alikes_are_expected_byte_for_byte() -> None:
    changed = [reply.id for reply in REPLIES if reply.is_look_alike and reply.expect != (Text(reply.reply),)]

    assert changed == []


def test_expected_text_and_thinking_is_part_of_the_reply() -> None:
    invented = [
        (reply.id, piece.text)
        for reply in REPLIES
        for piece in reply.expect
        if isinstance(piece, Text | Thinking) and piece.text.strip() not in reply.reply
    ]

    assert invented == []


def test_expectations_are_written_in_the_form_in_which_they_are_compared() -> None:
    other_forms = [reply.id for reply in REPLIES if list(reply.expect) != comparable(reply.expect)]

    assert other_forms == []


READ = Call("Read", {"file_path": "/a"})


@pytest.mark.parametrize(
    ("pieces", "compared"),
    [
        ([Text(" a "), Text("b ")], [Text(" a b ")]),
        ([Text("\n"), READ, Text(" \n")], [READ]),
        ([Thinking("a"), Thinking("b\n"), Text("\nc")], [Thinking("ab"), Text("c")]),
        ([READ, READ], [READ, READ]),
        ([Text("a\n"), READ], [Text("a"), READ]),
        ([Thinking("\n")], []),
    ],
)
def test_white_space_between_pieces_is_not_compared(pieces: list[Piece], compared: list[Piece]) -> None:
    assert comparable(pieces) == compared
