"""Variants of a diet: what they do to the prompt that the client writes, and which tasks they are played with."""

from benchmarks.diets.first_request import SAID
from benchmarks.tools.tasks import SYSTEM, TASKS, TOOLS
from benchmarks.tools.variants import VARIANTS, Variant, answerable, tools_only

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.protocol.prompt_size import section_characters
from anyclaude.transforms.tool_text import Bounds


def written(*tools: str) -> MessagesRequest:
    """Return a first prompt with some of the client's own tools."""
    blocks: list[JsonValue] = [
        {"type": "text", "text": "<system-reminder>Be kind.</system-reminder>"},
        {"type": "text", "text": SAID},
    ]
    request: JsonObject = {
        "model": "m",
        "max_tokens": 1,
        "system": "You help.",
        "tools": [TOOLS[name] for name in tools],
        "messages": [{"role": "user", "content": blocks}],
    }
    return decode_request(encode_json(request))


def test_a_task_takes_the_place_of_the_users_words_and_nothing_else() -> None:
    prompt = Variant("as written", passages=None, bounds=None).prompt(written("Read", "Bash"), TASKS[0])

    shown = str(prompt.messages)
    assert TASKS[0].prompt in shown
    assert "Be kind." in shown
    assert SAID not in shown
    assert prompt.system == "You help."


def test_a_variant_leaves_out_tools_and_shortens_descriptions() -> None:
    whole = written("Agent", "Bash", "NotebookEdit")
    less = Variant("less", bounds=Bounds(300, 60), without=frozenset({"NotebookEdit"})).prompt(whole, TASKS[0])

    assert {tool.name for tool in less.tools} == {"Agent", "Bash"}
    assert all(len(tool.description) <= 300 for tool in less.tools)
    assert section_characters(less).tools < section_characters(whole).tools


def test_tasks_are_those_that_an_offered_tool_answers_spread_over_all() -> None:
    tasks = answerable({"minimal": written("Read")}, 5)

    assert len({task.prompt for task in tasks}) == 5
    assert all(any(call.tool == "Read" for call in task.right) for task in tasks)


def test_tools_alone_have_two_sentences_before_them() -> None:
    prompt = tools_only(written("Read"))

    assert (prompt.system, len(prompt.messages)) == (SYSTEM, 1)
    assert prompt.tools == written("Read").tools


def test_the_titles_of_the_variants_are_different() -> None:
    assert len({variant.title for variant in VARIANTS}) == len(VARIANTS)
