"""The parsers of others read no call in the corpus that we do not, but for the ones that are none."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest
from tests.parts import vllm_mlx_parsers, weights
from tests.parts.played_replies import situation_of
from tests.parts.written_replies import WrittenReply, chat_tools, written_replies

from anyclaude.protocol.deltas import ToolCallDelta

pytestmark = pytest.mark.slow

VLLM_MLX = ("vllm-mlx==0.6.0", "regex==2026.11.19")
"""Its parsers are Python without further needs; it requires MLX, which exists for Apple's machines only."""

Found: TypeAlias = dict[str, dict[str, list[tuple[str, object]]]]
"""The calls that each parser found in each reply."""

FEWEST_READ = 450
"""Replies in which the parsers read at least one call of an offered tool; fewer mean that they did not work."""

REPLIES = {reply.id: reply for reply in written_replies()}

NO_CALLS: dict[str, tuple[str, ...]] = {
    "the reply was cut, and a cut call is never completed": (
        "deepseek_v4_dsml: cut inside a value",
        "qwen3_coder: cut inside an argument",
        "qwen3_coder: a whole call, then a cut one",
        "qwen3_coder: cut inside a value",
        "qwen3_coder_without_outer_tag: cut inside a value",
        "seed_oss: cut inside an argument",
        "tags_that_bear_names: Qwen3-Coder's function with tags that bear the parameters' names, cut",
    ),
    "white space that does not end is in it, so it may be incomplete": (
        "endless_white_space: inside a value, after its closing tag",
        "endless_white_space: between two arguments",
    ),
    "it stands in a thought": (
        "minimax_m1: thinking that mentions the tag, then calls",
        "thinking_opened_by_the_template: it mentions a call",
        "thinking_opened_by_the_template: bare JSON inside it stays thinking",
        "thinking_tags: thinking that mentions a call",
        "thinking_tags: thinking with a fence of JSON that looks like a call",
    ),
    "it is part of an argument, a file about calls": (
        "qwen3_coder: a value that documents a whole call of the same dialect",
        "seed_oss: a file that documents another dialect",
    ),
    "it has other members than a call": ("look_alikes/json_data: a log entry with a function_call and other members",),
    "it is a part of code": ("look_alikes/code: a diff without a fence",),
    "it stands in a sentence or in an example": (
        "look_alikes/examples_in_prose: JSON inside a sentence",
        "look_alikes/examples_in_prose: JSON after 'for example'",
        "look_alikes/examples_in_prose: JSON in parentheses",
        "look_alikes/examples_in_prose: JSON as a list item",
        "look_alikes/examples_in_prose: JSON in a table",
        "look_alikes/examples_in_prose: JSON behind a label in a log",
    ),
    "it stands in a block of code, a quotation or an example": (
        "look_alikes/fences: xml, with an introduction",
        "look_alikes/fences: json, introduced as an example",
        "look_alikes/fences: json, introduced by e.g.",
        "look_alikes/fences: json, under a heading",
        "look_alikes/fences: json, an example in German",
        "look_alikes/fences: json with a comment beside the call",
        "look_alikes/fences: python with the JSON in a string",
        "look_alikes/fences: markdown around a fence",
        "look_alikes/fences: markdown with a tag",
        "look_alikes/fences: tildes",
        "look_alikes/fences: tildes with backticks inside",
        "look_alikes/fences: an indented block",
        "look_alikes/fences: an indented block with tags",
        "look_alikes/fences: a block quote",
        "look_alikes/fences: a block quote with JSON",
        "look_alikes/fences: a fence in a block quote",
        "look_alikes/fences: a fence in a list",
        "look_alikes/fences: sh with a heredoc",
        "look_alikes/fences: text with a transcript",
        "look_alikes/fences: two dialects in one fence",
        "look_alikes/fences: a fence that is never closed",
        "look_alikes/fences: a diff",
        "look_alikes/fences: json with a list and other entries",
        "look_alikes/fences: http",
        "look_alikes/fences: under the heading 'Example'",
        "look_alikes/fences: 'such as' in the introduction",
        "look_alikes/fences: 'looks like this' in the introduction",
        "look_alikes/fences: a long document",
        "fenced_tags: cut after the call",
        "look_alikes/fences: a thought and a call in an xml fence",
        "look_alikes/fences: an open thought before a call in a fence",
        "look_alikes/fences: tags and more in an xml fence",
        "look_alikes/fences: tags in a text fence",
        "look_alikes/fences: tags in an html fence",
        "look_alikes/fences: tags in an xml fence that is not closed",
        "look_alikes/fences: tags in an xml fence, introduced as an example",
        "look_alikes/fences: tags in an xml fence, with text after it",
        "look_alikes/fences: tags inside a document in an xml fence",
    ),
    "it stands in code between backticks": (
        "look_alikes/inline_code: a whole call in inline code",
        "look_alikes/inline_code: a JSON call in inline code",
        "look_alikes/inline_code: double backticks",
        "look_alikes/inline_code: the python tag",
        "look_alikes/inline_code: harmony's tokens",
        "look_alikes/inline_code: calling tool",
        "look_alikes/inline_code: functools",
        "look_alikes/inline_code: as the whole reply",
    ),
    "it is data with other keys or values than a call": (
        "look_alikes/json_data: the name of a tool, with other keys",
        "look_alikes/json_data: a record of a call",
        "look_alikes/json_data: a row with a result",
        "look_alikes/json_data: a JSON-RPC request",
        "look_alikes/json_data: a message with a tool result",
        "look_alikes/json_data: only a name",
        "look_alikes/json_data: arguments that are a list",
        "look_alikes/json_data: a call beside other data in one list",
        "look_alikes/json_data: an assistant's message with the keys of a call",
    ),
    "it stands in quotation marks": (
        "look_alikes/quoted: double quotes around a valid call",
        "look_alikes/quoted: typographic quotes",
        "look_alikes/quoted: guillemets",
        "look_alikes/quoted: single quotes",
    ),
    "it is the definition of a tool": (
        "look_alikes/tool_definitions: Anthropic's form",
        "look_alikes/tool_definitions: a list",
        "look_alikes/tool_definitions: in a fence",
        "look_alikes/tool_definitions: with parameters and a description",
        "look_alikes/tool_definitions: without a description",
        "look_alikes/tool_definitions: a schema with the key arguments",
        "look_alikes/tool_definitions: parameters as an object of schemas",
        "look_alikes/tool_definitions: parameters as an object of schemas, in a fence",
        "look_alikes/tool_definitions: parameters as an object of schemas, with descriptions",
    ),
}
"""The replies in which a parser of vllm-mlx reads calls that are none, by the reason why."""


@pytest.fixture(scope="module")
def found_by_vllm_mlx() -> Found:
    """What the parsers of vllm-mlx find, each of them in every reply."""
    questions = {identifier: (reply.reply, chat_tools(reply)) for identifier, reply in REPLIES.items()}
    answer = subprocess.run(
        [sys.executable, vllm_mlx_parsers.__file__],
        input=json.dumps(questions),
        env={"PYTHONPATH": str(installed(VLLM_MLX))},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return msgspec.json.decode(answer.stdout, type=Found)


def installed(packages: tuple[str, ...]) -> Path:
    """Return the folder in which these packages are, without what they require; skip the test if they cannot be."""
    folder = weights.tests_cache() / f"oracles-{'-'.join(packages)}-{sys.version_info.minor}"
    uv = shutil.which("uv")
    if not folder.exists():
        if uv is None:
            pytest.skip("vllm-mlx is not installed, and uv, which would install it, is not on the PATH")
        unfinished = folder.with_suffix(".unfinished")
        command = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--python",
            sys.executable,
            "--target",
            str(unfinished),
        ]
        done = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"{' '.join(packages)} cannot be installed: {done.stderr.strip()[-300:]}")
        unfinished.replace(folder)
    return folder


SHOWN_CALLS = tuple(
    f"look_alikes/{name}" for name in ("announced_examples", "explanations", "fences_in_fences", "mentioned")
)
"""The files whose replies show a call to the user, as the text around it says, at which those parsers do not look."""


def read_calls(reply: WrittenReply) -> int:
    """Return how many calls we read in a reply."""
    deltas = situation_of(reply).played([reply.reply])
    return sum(isinstance(delta, ToolCallDelta) and bool(delta.name) for delta in deltas)


def most_calls(found: Found, reply: WrittenReply) -> int:
    """Return how many calls of offered tools the parser reads that reads most."""
    offered = {tool.name for tool in reply.tools}
    return max(sum(name in offered for name, _ in calls) for calls in found[reply.id].values())


def test_the_parsers_of_vllm_mlx_read_most_replies_with_calls(found_by_vllm_mlx: Found) -> None:
    assert sum(most_calls(found_by_vllm_mlx, reply) > 0 for reply in REPLIES.values()) >= FEWEST_READ


def test_the_parsers_of_vllm_mlx_read_only_those_calls_besides_ours_that_are_none(found_by_vllm_mlx: Found) -> None:
    more = {
        name
        for name, reply in REPLIES.items()
        if most_calls(found_by_vllm_mlx, reply) > read_calls(reply) and name.partition(":")[0] not in SHOWN_CALLS
    }

    assert more == {name for names in NO_CALLS.values() for name in names}
