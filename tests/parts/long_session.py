"""
A session of many steps with results as large as a client allows: files, outputs, MCP tools, and several at once.

The played model keeps nothing between requests.  It knows where it is by the last step that it reads, in its own words
or in a summary, so that the session ends only if no compaction has lost that.
"""

import random
import re
import sys
from pathlib import Path

from tests.parts import mcp_server
from tests.parts.chat_reply import Call, Reply, call, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.played_model import COMPACTION

from anyclaude.protocol.json_values import JsonObject

FILE_KILOBYTES = (90, 40, 20, 10, 5, 2)
"""The sizes of the files: one of them is about as large as what one result may be, in each window."""

OUTPUT_CHARACTERS = (29_000, 12_000, 6_000, 3_900, 2_000)
"""The sizes of the outputs: the client's own limit is 30,000."""

CHARACTERS_PER_TOKEN = 4

_STEP = re.compile(r"Step (\d+)\.")


def tokens_of(text: str) -> int:
    """Return the tokens of a text for a model that reads digits one by one, as Qwen and Llama do."""
    digits = sum(map(text.count, "0123456789"))
    return digits + (len(text) - digits) // CHARACTERS_PER_TOKEN


def files_to_read() -> dict[str, str]:
    """Return the files of the work tree, by name: of words in lines, and of digits in lines."""
    files: dict[str, str] = {"notes.txt": "state: 0\n"}
    for size in FILE_KILOBYTES:
        files[f"words-{size}.txt"] = "".join("line with words in it, and some more of them\n" for _ in range(size * 22))
        rows = ("".join(random.Random(size * 1_000 + row).choices("0123456789", k=63)) for row in range(size * 16))
        files[f"digits-{size}.txt"] = "\n".join(rows) + "\n"
    return files


def mcp_configuration() -> JsonObject:
    """Return what the client needs to start the tool server."""
    return {"mcpServers": {"texts": {"command": sys.executable, "args": [str(Path(mcp_server.__file__))]}}}


class LongSession:
    """A script of this many steps, which ends with `final_text`."""

    def __init__(self, tree: Path, steps: int) -> None:
        self.tree = tree
        self.steps = steps
        self.final_text = f"All {steps} steps are done."

    def __call__(self, request: ChatRequest) -> Reply:
        """Answer with the next step, or a summary."""
        done = max((int(number) for message in request.messages for number in _STEP.findall(message.text)), default=0)
        if any(COMPACTION in message.text for message in request.since_last_turn):
            return reply(say(f"<analysis>All is clear.</analysis><summary>Step {done}. is done.</summary>"))
        if done >= self.steps:
            return reply(say(self.final_text))
        calls = self._calls(done + 1, request.tool_names)
        room = (request.body.max_tokens or 1_000) - sum(tokens_of(call.arguments) for call in calls) - 50
        return reply(say(self._words(done + 1, room)), *calls)

    def _words(self, step: int, room: int) -> str:
        """Return what the model says: at every ninth step a long text, at every 45th one as long as a reply may be."""
        if step % 9:
            return f"Step {step}."
        tokens = room if step % 45 == 0 else min(room, 1_000)
        return f"Step {step}. {mcp_server.text_of(tokens * CHARACTERS_PER_TOKEN, digits=False)}"

    def _calls(self, step: int, tools: tuple[str, ...]) -> tuple[Call, ...]:
        """Return one call, or two, four or eight at once."""
        at_once = {3: 2, 5: 4, 7: 8}.get(step % 8, 1)
        kinds = [self._read, self._bash, self._read_digits, self._bash_digits, self._edit]
        if "mcp__texts__text" in tools:
            kinds += [self._mcp, self._mcp_digits]
        return tuple(kinds[(step + place) % len(kinds)](step + place * 3) for place in range(at_once))

    def _read(self, number: int) -> Call:
        return call(
            "Read",
            file_path=str(self.tree / f"words-{FILE_KILOBYTES[number % len(FILE_KILOBYTES)]}.txt"),
            offset=1 + number,
        )

    def _read_digits(self, number: int) -> Call:
        return call(
            "Read",
            file_path=str(self.tree / f"digits-{FILE_KILOBYTES[number % len(FILE_KILOBYTES)]}.txt"),
            offset=1 + number,
        )

    def _bash(self, number: int) -> Call:
        size = OUTPUT_CHARACTERS[number % len(OUTPUT_CHARACTERS)]
        return call("Bash", command=f"head -c {size} words-90.txt", description=f"Show words {number}")

    def _bash_digits(self, number: int) -> Call:
        size = OUTPUT_CHARACTERS[number % len(OUTPUT_CHARACTERS)]
        return call("Bash", command=f"head -c {size} digits-90.txt", description=f"Show digits {number}")

    def _mcp(self, number: int) -> Call:
        return call("mcp__texts__text", characters=OUTPUT_CHARACTERS[number % len(OUTPUT_CHARACTERS)] * 3)

    def _mcp_digits(self, number: int) -> Call:
        return call("mcp__texts__text", characters=OUTPUT_CHARACTERS[number % len(OUTPUT_CHARACTERS)], digits=True)

    def _edit(self, number: int) -> Call:
        return call(
            "Write", file_path=str(self.tree / f"made-{number}.txt"), content=mcp_server.text_of(2_000, digits=False)
        )
