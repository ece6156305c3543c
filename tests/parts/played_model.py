"""
A model played by rules: it reads the files that the user names, and reports the word that each contains.

It keeps nothing between requests and works from what it is given to read, as a model does: it reads the next file whose
word it does not know, summarises what it knows when it is asked to, and goes on from a summary.  So it finishes its
task only if nothing of the conversation is lost, in whatever form the conversation reaches it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.parts.chat_reply import Reply, ReplyPart, Say, call, reply, say
from tests.parts.chat_request import ChatRequest

from anyclaude.claude_code import SUMMARY_START

COMPACTION = "Respond with TEXT ONLY"
"""The client's request for a summary begins with this (Claude Code 2.1.112 and 2.1.330)."""

FILLER = "Rain fell on the garden, and the gardener wrote down how much of it there was.\n"

_PATH = re.compile(r"/\S+?/part-\d+\.txt")
_WORD = re.compile(r"The word of (part-\d+\.txt) is (\w+)\.")
_BEGUN = re.compile(r"<begun>(.*?)</begun>", re.DOTALL)


def parts_with_words(*characters: int) -> dict[str, str]:
    """Return files of these lengths, by name; each begins with its word, which nothing else contains."""
    named = {f"part-{number}.txt": length for number, length in enumerate(characters, start=1)}
    return {
        name: f"The word of {name} is {_word(name)}.\n" + FILLER * (length // len(FILLER))
        for name, length in named.items()
    }


def question_about(tree: Path, files: Iterable[str]) -> str:
    """Return what the user asks."""
    return f"Read these files and report the word of each: {' '.join(str(tree / name) for name in files)}"


def answer_about(files: Iterable[str]) -> str:
    """Return the right answer."""
    return "\n".join(f"The word of {name} is {_word(name)}." for name in files)


@dataclass(frozen=True, slots=True)
class PlayedModel:
    """
    A script.  It reads one file in a turn; after the first `singly` files all others at once, unless it goes on from a
    summary.
    """

    singly: int = 1_000

    def __call__(self, request: ChatRequest) -> Reply:
        """Answer as the rules say, and go on with a reply that has begun."""
        return _rest_of(self._reply_to(request), _begun(request))

    def _reply_to(self, request: ChatRequest) -> Reply:
        given = "\n".join(message.text for message in request.messages if message.role != "assistant")
        paths, words = sorted(set(_PATH.findall(given)), key=_number), dict(_WORD.findall(given))
        names = [Path(path).name for path in paths]
        known = "\n".join(f"The word of {name} is {words[name]}." for name in names if name in words)
        if any(COMPACTION in message.text for message in request.since_last_turn):
            return reply(say(f"<analysis>All is clear.</analysis><summary>Read: {' '.join(paths)}\n{known}</summary>"))
        if missing := [path for path in paths if Path(path).name not in words]:
            is_single = len(words) < self.singly or SUMMARY_START in given
            return _reading(request, missing[:1] if is_single else missing)
        return reply(say(known or "There is nothing to read."))


def _reading(request: ChatRequest, paths: Iterable[str]) -> Reply:
    """Return a turn that reads files; the calls are text where the server makes no calls of what its model writes."""
    calls = [call("Read", file_path=path) for path in paths]
    if "Read" in request.tool_names and request.raw.get("tool_choice") != "none":
        return reply(say("I read on, part by part."), *calls)
    written = (f'<tool_call>\n{{"name": "Read", "arguments": {read.arguments}}}\n</tool_call>' for read in calls)
    return reply(say("\n".join(("I read on, part by part.", *written))))


def _begun(request: ChatRequest) -> str:
    """Return the text with which the reply has begun already: it is the last message, or the question quotes it."""
    last = request.messages[-1]
    quoted = _BEGUN.findall(last.text)
    return last.text if last.role == "assistant" else quoted[-1] if quoted else ""


def _rest_of(whole: Reply, begun: str) -> Reply:
    first, *others = whole.parts
    assert isinstance(first, Say)
    assert first.text.startswith(begun), f"{first.text!r} does not begin with {begun!r}"
    rest = first.text.removeprefix(begun)
    parts: tuple[ReplyPart, ...] = (say(rest), *others) if rest else tuple(others)
    return Reply(parts, whole.usage)


def _number(path: str) -> int:
    return int(path.rpartition("-")[2].removesuffix(".txt"))


def _word(name: str) -> str:
    return f"{name.removesuffix('.txt').replace('-', '')}isread"
