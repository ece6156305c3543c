"""Variants of a diet: the client's first prompt with fewer tools, shorter descriptions or fewer passages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.diets.first_request import SAID
from msgspec.structs import replace

from anyclaude.diet import Diet
from anyclaude.exchange.prompt_pipeline import prompt_transforms
from anyclaude.protocol.content import Content, TextBlock
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import PromptContext, ShorterSystemPrompt, ShorterTools, prepare
from anyclaude.transforms.tool_text import BOUNDS, Bounds

from .tasks import SYSTEM, TASKS, Task


@dataclass(frozen=True, slots=True)
class Variant:
    """What is done to the prompt that the client writes with a diet; `None` leaves a part as the client writes it."""

    title: str
    client: str = "lean"
    passages: Diet | None = "lean"
    bounds: Bounds | None = BOUNDS["lean"]
    without: frozenset[str] = frozenset()

    def prompt(self, written: MessagesRequest, task: Task) -> MessagesRequest:
        """Return the prompt that a gateway with this diet would send for a task."""
        tools = tuple(tool for tool in written.tools if tool.name not in self.without)
        messages = tuple(replace(turn, content=_with_words(turn.content, task.prompt)) for turn in written.messages)
        request = replace(written, tools=tools, messages=messages)
        if self.passages is not None:
            request = ShorterSystemPrompt()(request, PromptContext(diet=self.passages))
        if self.bounds is not None:
            request = ShorterTools({"lean": self.bounds})(request, PromptContext(diet="lean"))
        return prepare(request, prompt_transforms(), PromptContext(diet="full"), lambda _: 0).request


VARIANTS = (
    Variant("`lean`"),
    Variant("`lean`, descriptions as the client writes them", bounds=None),
    Variant("`lean`, 1,300 and 250 characters", bounds=Bounds(1_300, 250)),
    Variant("`lean`, 600 and 120 characters", bounds=Bounds(600, 120)),
    Variant("`lean`, 400 and 80 characters", bounds=Bounds(400, 80)),
    Variant("`lean`, passages of `minimal`", passages="minimal"),
    Variant("`lean` without NotebookEdit and TaskStop", without=frozenset({"NotebookEdit", "TaskStop"})),
    Variant("`minimal`, 1,300 and 250 characters", client="minimal", passages="minimal", bounds=Bounds(1_300, 250)),
    Variant("`minimal`, 800 and 120 characters", client="minimal", passages="minimal", bounds=Bounds(800, 120)),
    Variant("`minimal`, 400 and 80 characters", client="minimal", passages="minimal", bounds=Bounds(400, 80)),
)
"""Without a word about them, passages and descriptions are those of `lean`."""


def tools_only(written: MessagesRequest) -> MessagesRequest:
    """Return a prompt of the client with its tools and the user's words, and the two sentences of `SYSTEM` before."""
    return replace(written, system=SYSTEM, messages=(Turn("user", SAID),))


def answerable(written: Mapping[str, MessagesRequest], count: int) -> Sequence[Task]:
    """Return `count` of the tasks that a call of an offered tool answers, spread over all of them."""
    offered = {tool.name for request in written.values() for tool in request.tools}
    tasks = [task for task in TASKS if any(call.tool in offered for call in task.right)]
    return [tasks[number * len(tasks) // count] for number in range(min(count, len(tasks)))]


def _with_words(content: Content, words: str) -> Content:
    if isinstance(content, str):
        return content.replace(SAID, words)
    return tuple(
        replace(block, text=words) if isinstance(block, TextBlock) and block.text == SAID else block
        for block in content
    )
