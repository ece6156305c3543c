"""A task for a real client: the work tree before, the turns of the played model, and the tree after."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.parts.chat_reply import Call, Hold, Reply, Signal, call, reply, say, think
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import ConversationScript, ScriptedConversation, ScriptedReply
from tests.parts.pictures import png

PROMPT = "Tidy up this project: greet in every language, and note what you find."
MAIN_CUE = PROMPT

SUBAGENT_TASK = "Count the chapters of the story, and report the number only."
SUBAGENT_CUE = SUBAGENT_TASK

QUESTION = "How many chapters were there?"
"""The user's question in the continued session."""

SECRET_OF_MAIN = "the-word-only-the-main-conversation-reads"
SECRET_OF_SUBAGENT = "the-word-only-the-subagent-reads"
REPORT = "There are three chapters in the story."
REMEMBERED = "Three, as the helper reported."

GREETING = 'def greet(name):\n\treturn "Hello, \\"%s\\"\\n" % name  # TODO: ünïcode\n'
GREETING_AFTER = 'def greet(name):\n\treturn "¡Grüße, \\"%s\\" 🌍 世界!\\n" % name  # <tool_call>{{no}}</tool_call>\n'
NOTES = '# Notes\n\n"Quotes", \\backslashes\\, tabs\t, </tags>, {braces: "and" more}, naïve 🦙 text.\n'


BEFORE: dict[str, str | bytes] = {
    "src/greeting.py": GREETING,
    "one.txt": f"first {SECRET_OF_MAIN}\n",
    "two.txt": "second\n",
    "three.txt": "third\n",
    "story.txt": f"Chapter 1\n{SECRET_OF_SUBAGENT}\nChapter 2\nChapter 3\n",
    "picture.png": png(),
}

AFTER: dict[str, bytes] = {
    **{name: text.encode() if isinstance(text, str) else text for name, text in BEFORE.items()},
    "src/greeting.py": GREETING_AFTER.encode(),
    "docs/notes.md": NOTES.encode(),
    "joined.txt": f"first {SECRET_OF_MAIN}\nsecond\n".encode(),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply of the model, and the text that the result of each of its calls must contain."""

    reply: Reply
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """The turns of the main conversation and of its sub-agent."""

    main: tuple[Turn, ...]
    subagent: tuple[Turn, ...]

    def script(self) -> ConversationScript:
        """Return the script of both conversations, and of the continued session."""
        main: tuple[ScriptedReply, ...] = (*(turn.reply for turn in self.main), _remember)
        return ConversationScript(
            ScriptedConversation(SUBAGENT_CUE, tuple(turn.reply for turn in self.subagent)),
            ScriptedConversation(MAIN_CUE, main),
        )


_JOIN = (
    '{ "description": "Join",\n  "timeout": 5000.0, "command": "cat one.txt two.txt >joined.txt; wc -l <joined.txt" }'
)


def task_in(tree: Path, *, subagent_runs_in_background: bool) -> Task:
    """
    Return the task for a tree.

    A client may run the sub-agent in the background; the main conversation then waits for a notification, which costs
    it one more turn.  The two are made to overlap: the sub-agent's first reply waits until the main conversation has
    continued, and its last until the main conversation does nothing but wait.
    """
    continued, waits = asyncio.Event(), asyncio.Event()
    waiting = (Turn(reply(Signal(waits), say("I wait for the helper."))),) if subagent_runs_in_background else ()
    last = reply(say("Everything is tidy, and the helper has counted three chapters."))
    main = (*_work(tree), _start_subagent(), _two_commands(continued), *waiting, Turn(last))
    started, ended = ((Hold(continued),), (Hold(waits),)) if subagent_runs_in_background else ((), ())
    count = call("Bash", command=f"grep -c Chapter story.txt; sed -n 2p {tree}/story.txt", description="Count")
    subagent = (Turn(reply(*started, count), (f"3\n{SECRET_OF_SUBAGENT}",)), Turn(reply(*ended, say(REPORT))))
    return Task(main, subagent)


def _work(tree: Path) -> tuple[Turn, ...]:
    """Return the turns before the sub-agent.  The arguments are as models write them: in any order, with odd spaces."""
    read, missing = _file(tree, "src/greeting.py"), _file(tree, "missing.txt")
    edit = call("Edit", old_string=GREETING, new_string=GREETING_AFTER, file_path=read)
    join = Call("Bash", _JOIN)
    return (
        Turn(
            reply(think("The greeting comes first."), say("I look at the greeting."), call("Read", file_path=read)),
            ("def greet(name):",),
        ),
        Turn(
            reply(
                say("Now the two texts."),
                call("Read", file_path=_file(tree, "one.txt")),
                call("Read", file_path=_file(tree, "two.txt")),
            ),
            (SECRET_OF_MAIN, "second"),
        ),
        Turn(reply(think("It must speak every language."), edit), ("greeting.py",)),
        Turn(reply(call("Write", content=NOTES, file_path=_file(tree, "docs/notes.md"))), ("notes.md",)),
        Turn(reply(say("I join the texts. 🧵"), join), ("2",)),
        Turn(reply(call("Read", file_path=missing)), ("does not exist",)),
        Turn(
            reply(
                call("Read", file_path=_file(tree, "picture.png")),
                call("Read", file_path=_file(tree, "three.txt")),
            ),
            ("", "third"),
        ),
    )


def _start_subagent() -> Turn:
    subagent = call("Agent", description="Count chapters", prompt=SUBAGENT_TASK, subagent_type="general-purpose")
    return Turn(reply(say("A helper counts the chapters."), subagent), ("",))


def _two_commands(continued: asyncio.Event) -> Turn:
    """Return a turn with two calls; the first one fails, and finishes last."""
    fails = call("Bash", command="sleep 0.3; echo broken >&2; exit 3", description="Fail")
    works = call("Bash", command="echo 'still working'", description="Work")
    return Turn(reply(Signal(continued), fails, works), ("Exit code 3", "still working"))


def _remember(request: ChatRequest) -> Reply:
    """Answer the question of the continued session from the history only."""
    assert any(REPORT in message.text for message in request.messages), (
        "the history does not contain the helper's report"
    )
    return reply(say(REMEMBERED))


def _file(tree: Path, name: str) -> str:
    return str(tree / name)
