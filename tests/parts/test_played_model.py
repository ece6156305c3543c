"""The played model does its task from what it is given to read; a hard server refuses what it should, and no more."""

import json
from pathlib import Path

import pytest
from tests.parts.chat_reply import Call, Refusal, Reply, Reset, Say, Usage
from tests.parts.chat_request import ChatRequest, read_chat_request
from tests.parts.chat_script import Answer
from tests.parts.chat_server import prompt_tokens
from tests.parts.hard_servers import (
    Overflow,
    breaking_off,
    in_window,
    refused_by_llamacpp,
    refused_by_vllm,
    refusing,
    truncated_by_ollama,
)
from tests.parts.json_at import at
from tests.parts.played_model import COMPACTION, PlayedModel, answer_about, parts_with_words, question_about
from tests.parts.refusing_backend import REFUSALS

from anyclaude.claude_code import SUMMARY_START
from anyclaude.protocol.json_values import JsonObject, JsonValue

FILES = parts_with_words(100, 200, 300)
QUESTION: JsonObject = {"role": "user", "content": question_about(Path("/tree"), FILES)}
READ: JsonValue = {"type": "function", "function": {"name": "Read", "parameters": {}}}


def asked(*messages: JsonObject, **fields: JsonValue) -> ChatRequest:
    body = {"model": "m", "messages": [QUESTION, *messages], "tools": [READ], **fields}
    return read_chat_request({}, json.dumps(body).encode())


def result(name: str) -> JsonObject:
    return {"role": "tool", "tool_call_id": "1", "content": FILES[name]}


def text_of(answer: Answer) -> str:
    assert isinstance(answer, Reply)
    return "".join(part.text for part in answer.parts if isinstance(part, Say))


def paths_in(answer: Answer) -> list[str]:
    assert isinstance(answer, Reply)
    return [json.loads(part.arguments)["file_path"] for part in answer.parts if isinstance(part, Call)]


def test_it_reads_one_file_after_the_other_and_reports_their_words() -> None:
    model = PlayedModel()

    assert paths_in(model(asked())) == ["/tree/part-1.txt"]
    assert paths_in(model(asked(result("part-1.txt")))) == ["/tree/part-2.txt"]
    assert text_of(model(asked(*map(result, FILES)))) == answer_about(FILES)


def test_it_reads_the_rest_at_once_unless_it_goes_on_from_a_summary() -> None:
    model, first = PlayedModel(singly=1), result("part-1.txt")

    assert paths_in(model(asked(first))) == ["/tree/part-2.txt", "/tree/part-3.txt"]
    assert paths_in(model(asked({"role": "user", "content": SUMMARY_START}, first))) == ["/tree/part-2.txt"]


def test_what_it_has_said_itself_is_not_known_to_it() -> None:
    said: JsonObject = {"role": "assistant", "content": answer_about(FILES)}

    assert paths_in(PlayedModel()(asked(said, {"role": "user", "content": "Go on."}))) == ["/tree/part-1.txt"]


def test_it_summarises_its_task_and_what_it_knows() -> None:
    summary = text_of(PlayedModel()(asked(result("part-2.txt"), {"role": "user", "content": COMPACTION})))

    assert "/tree/part-3.txt" in summary
    assert answer_about(["part-2.txt"]) in summary
    assert answer_about(["part-1.txt"]) not in summary


def test_without_tools_it_writes_its_calls() -> None:
    expected = '<tool_call>\n{"name": "Read", "arguments": {"file_path":"/tree/part-1.txt"}}\n</tool_call>'

    assert expected in text_of(PlayedModel()(asked(tools=[])))
    assert expected in text_of(PlayedModel()(asked(tool_choice="none")))


def test_it_goes_on_with_a_reply_that_has_begun() -> None:
    whole = text_of(PlayedModel()(asked()))
    begun = whole[:10]

    assert text_of(PlayedModel()(asked({"role": "assistant", "content": begun}))) == whole[10:]
    assert text_of(PlayedModel()(asked({"role": "user", "content": f"<begun>{begun}</begun>"}))) == whole[10:]


def test_a_window_lets_pass_what_fits() -> None:
    small, large = asked(), asked(*map(result, FILES))
    script = in_window(PlayedModel(), 200, truncated_by_ollama)
    full = script(large)

    assert paths_in(script(small)) == ["/tree/part-1.txt"]
    assert isinstance(full, Reply)
    assert full.usage == Usage(102, 6)


@pytest.mark.parametrize("overflow", [refused_by_llamacpp, refused_by_vllm])
def test_a_prompt_beyond_the_window_is_refused_with_its_tokens_and_the_window(overflow: Overflow) -> None:
    large = asked(*map(result, FILES))
    refusal = in_window(PlayedModel(), 200, overflow)(large)

    assert isinstance(refusal, Refusal)
    words = str(at(refusal.body, "error", "message"))
    assert f"{prompt_tokens(large)} " in words
    assert "200 tokens" in words


def test_a_server_refuses_only_what_it_is_to_refuse() -> None:
    script = refusing(PlayedModel(), [REFUSALS["temperature"]])

    assert isinstance(script(asked(temperature=1)), Refusal)
    assert isinstance(script(asked(top_p=1)), Reply)


def test_a_reply_breaks_off_once() -> None:
    script = breaking_off(PlayedModel(), turn=0)
    broken, again = script(asked()), script(asked())

    assert isinstance(broken, Reply)
    assert isinstance(again, Reply)
    assert isinstance(broken.parts[-1], Reset)
    assert text_of(again).startswith(text_of(broken))
