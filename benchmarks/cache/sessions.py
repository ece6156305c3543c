"""The sessions to play: the project, the user's prompts, and the model's replies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.parts.chat_reply import Call, Reply, ReplyPart, call, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Script, UnscriptedRequest
from tests.parts.claude_code import ClientTask
from tests.parts.claude_code_versions import JAVASCRIPT, NATIVE

Lines: TypeAlias = tuple[Reply, ...]

TASK = "Make the report of this project round its numbers, and note what you changed."
QUESTION = "Which file did you change first?"
EARLIER_TASK = "What is this project about? Answer in one word."
OTHER_TASK = "How many lines does the report have? Answer in one word."
HELPERS = ("Count the functions of the report, and tell the number only.", "Find the longest line of the data file.")

EARLIER_SESSION = "earlier session"
"""Played before the measured session, so that the engine has read a prompt of the project."""

SEARCH_CUE = "Perform a web search for the query"
COMPACTION_CUE = "Respond with TEXT ONLY"
COMPACTED_CUE = "being continued from a previous conversation"

_FUNCTION = """
def column_{number}(rows: list[dict[str, float]]) -> float:
    \"\"\"Return what the rows have in column {number}, all together.\"\"\"
    return sum(row["column_{number}"] for row in rows)
"""

FILES: dict[str, str | bytes] = {
    "CLAUDE.md": "# Report\n\n- Python 3.11, no dependencies.\n- Every function has a docstring of one sentence.\n",
    "README.md": "# Report\n\nReads `data.csv` and prints what each column adds up to.\n",
    "src/report.py": "".join(_FUNCTION.format(number=number) for number in range(1, 31)),
    "data.csv": "".join(f"{row},{row * 7 % 101},{row * 13 % 97}.25,station {row}\n" for row in range(120)),
}


@dataclass(frozen=True, slots=True)
class Session:
    """One session: the client's release, the task of each of its runs, and the model's script."""

    title: str
    version: str
    tasks: tuple[ClientTask, ...]
    script: Callable[[Path], Script]


def sessions() -> tuple[Session, ...]:
    """Return all sessions."""
    resumed = (ClientTask(TASK), ClientTask(QUESTION, ("--continue",)), ClientTask(OTHER_TASK))
    compacted = (ClientTask(TASK), ClientTask("/compact", ("--continue",)), ClientTask(QUESTION, ("--continue",)))
    return (
        Session("twelve turns, resumed, then a second session", NATIVE, resumed, without_helpers),
        Session("twelve turns with two sub-agents and web searches", NATIVE, (ClientTask(TASK),), with_helpers),
        Session(
            "with two sub-agents and web searches, in a known project",
            NATIVE,
            (ClientTask(EARLIER_TASK), ClientTask(TASK)),
            with_helpers,
        ),
        Session("twelve turns, then compacted", NATIVE, compacted, without_helpers),
        Session("twelve turns, resumed, then a second session", JAVASCRIPT, resumed, without_helpers),
    )


def without_helpers(tree: Path) -> Script:
    """Play a conversation without sub-agents."""
    return play({TASK: (*_work(tree), reply(say("The report rounds its numbers now.")))})


def with_helpers(tree: Path) -> Script:
    """Play a conversation that starts two sub-agents and searches the web while they work."""
    first, second, *rest = _work(tree)
    started = tuple(call("Agent", description="Look", prompt=task, subagent_type="general-purpose") for task in HELPERS)
    searches = tuple(reply(call("WebSearch", query=query)) for query in ("python round half even", "csv quoting rules"))
    main = (
        first,
        second,
        reply(say("Two helpers look around."), *started),
        rest[0],
        searches[0],
        *rest[1:4],
        searches[1],
    )
    ending = reply(say("The report rounds its numbers now."))
    return play({TASK: (*main, *rest[4:6], ending), **{task: _helper_turns(tree, task) for task in HELPERS}})


def conversation_of(request: ChatRequest) -> str:
    """Return the name of the conversation a request belongs to, with the kind of a special request."""
    last = request.messages[-1].text
    if SEARCH_CUE in request.opening:
        return "web search"
    for number, task in enumerate(HELPERS, start=1):
        if task in request.opening:
            return f"sub-agent {number}"
    if COMPACTED_CUE in request.opening:
        return "main, after compaction"
    if EARLIER_TASK in request.opening:
        return EARLIER_SESSION
    if OTHER_TASK in request.opening:
        return "second session"
    if COMPACTION_CUE in last:
        return "main, compaction"
    return "main, resumed" if QUESTION in last else "main"


def play(lines: Mapping[str, Lines]) -> Script:
    """
    Answer each conversation, identified by a cue in its opening, with its next reply; the last reply repeats.

    A call of a tool that the client has not loaded yet is preceded by a tool search, as a model has to do it.
    """

    def answer(request: ChatRequest) -> Reply:
        if COMPACTION_CUE in request.messages[-1].text:
            return reply(
                say("<analysis>All is said.</analysis>\n<summary>The report rounds its numbers now.</summary>")
            )
        if SEARCH_CUE in request.opening:
            return reply(say("The first page found says how it is done."))
        if QUESTION in request.messages[-1].text or COMPACTED_CUE in request.opening:
            return reply(say("It was src/report.py."))
        if EARLIER_TASK in request.opening:
            return reply(say("Reports."))
        if OTHER_TASK in request.opening:
            return reply(say("Thirty."))
        return _with_tools(_line(lines, request), request)

    return answer


def _line(lines: Mapping[str, Lines], request: ChatRequest) -> Reply:
    turns = request.turns_taken - sum(name == "ToolSearch" for name in _called(request))
    for cue, replies in lines.items():
        if cue in request.opening:
            return replies[min(turns, len(replies) - 1)]
    raise UnscriptedRequest(f"no conversation begins like this: {request.opening[-300:]!r}")


def _with_tools(line: Reply, request: ChatRequest) -> Reply:
    missing = [part.name for part in line.parts if isinstance(part, Call) and part.name not in request.tool_names]
    if not missing or "ToolSearch" not in request.tool_names or _has_searched(request, missing[0]):
        return line
    return reply(call("ToolSearch", query=f"select:{missing[0]}", max_results=5))


def _called(request: ChatRequest) -> list[str]:
    return [made.function.name for message in request.messages for made in message.tool_calls]


def _has_searched(request: ChatRequest, tool: str) -> bool:
    calls = [made.function for message in request.messages for made in message.tool_calls]
    return any(made.name == "ToolSearch" and tool in made.arguments for made in calls)


def _work(tree: Path) -> Lines:
    """Return eleven turns; the arguments are as models write them, and the client rewrites some of them."""
    report, readme = f"{tree}/src/report.py", f"{tree}/README.md"
    rounded = 'return round(sum(row["column_{0}"] for row in rows), 2)'
    plain = 'return sum(row["column_{0}"] for row in rows)'

    def edit(number: int) -> Call:
        """Return an edit; the client moves the path to the front, and adds `replace_all`."""
        return call("Edit", old_string=plain.format(number), new_string=rounded.format(number), file_path=report)

    def run(command: str, timeout: str) -> Call:
        """Return a command; the client moves it to the front, and normalises the number."""
        return Call("Bash", f'{{"description": "Look", "timeout": {timeout}, "command": "{command}"}}')

    return (
        reply(say("I read the report."), call("Read", file_path=report)),
        reply(say("The first column comes first."), edit(1)),
        reply(run("grep -c round src/report.py", "5000.0")),
        reply(say("Now the rest of the project."), call("Read", file_path=readme), _read_data(tree)),
        reply(_write(tree, "docs/notes.md", "# Notes  \n\nColumn 1 is rounded.   \n")),
        reply(edit(2)),
        reply(run("sed -n 1,12p src/report.py", "5000")),
        reply(say("Is there a test?"), call("Read", file_path=f"{tree}/tests/test_report.py")),
        reply(run("ls -a; exit 3", '"4000"')),
        reply(edit(3), run("grep -n round src/report.py", "3000")),
        reply(say("The notes at last."), _write(tree, "docs/notes.md", "# Notes \n\nColumns 1 to 3 are rounded.\t\n")),
    )


def _helper_turns(tree: Path, task: str) -> Lines:
    name = "src/report.py" if "report" in task else "data.csv"
    return (
        reply(say("I look."), call("Bash", description="Count", command=f"wc {name}")),
        reply(call("Read", file_path=f"{tree}/{name}")),
        reply(say("To be sure:"), call("Bash", description="Count again", command=f"grep -c 1 {name}", timeout=2000)),
        reply(say("It is thirty.")),
    )


def _read_data(tree: Path) -> ReplyPart:
    return call("Read", limit=40, file_path=f"{tree}/data.csv")


def _write(tree: Path, name: str, content: str) -> ReplyPart:
    """Return a call that writes a file; the client strips trailing blanks."""
    return call("Write", content=content, file_path=f"{tree}/{name}")
