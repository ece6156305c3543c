"""Sixty requests that one tool call answers, with Claude Code's own tools, and what counts as a right call."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from anyclaude.protocol.json_values import JsonObject, JsonValue

TOOLS: Mapping[str, JsonObject] = {
    tool["name"]: tool
    for tool in json.loads(Path(__file__).with_name("claude_code_tools.json").read_text(encoding="utf-8"))
}
"""The tools as Claude Code 2.1.330 sends them (`--tools …`), recorded by a server on loopback."""

TOOL_SETS: Mapping[str, Sequence[str]] = {
    "files": ("Bash", "Edit", "Glob", "Grep", "Read", "Write"),
    "web": ("Edit", "Glob", "NotebookEdit", "Read", "TaskStop", "WebFetch", "WebSearch", "Write"),
    "all": tuple(TOOLS),
}
"""The tools that are offered together; tasks share them, so that the engine evaluates each set once."""

SYSTEM = (
    "You are a coding agent. The working directory is /srv/app. Use the tools to do what the user asks; file paths "
    "are absolute."
)


@dataclass(frozen=True, slots=True)
class Like:
    """An argument that may be written in several ways: one of them, and the pattern of all."""

    example: str
    pattern: str


Argument: TypeAlias = "JsonValue | Like"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool: from a model, or one that counts as right."""

    tool: str
    arguments: Mapping[str, Argument]

    @property
    def example(self) -> "Call":
        """This call with one example for each argument that may be written in several ways."""
        plain = {name: value.example if isinstance(value, Like) else value for name, value in self.arguments.items()}
        return Call(self.tool, plain)

    def admits(self, other: "Call") -> bool:
        """Return whether `other` is this call; arguments that this call does not name may have any value."""
        return self.tool == other.tool and all(
            name in other.arguments and _admits(value, other.arguments[name]) for name, value in self.arguments.items()
        )


@dataclass(frozen=True, slots=True)
class Task:
    """A user message, the tools that are offered, and the calls that are right."""

    tool_set: str
    prompt: str
    right: Sequence[Call]

    @property
    def tools(self) -> Sequence[str]:
        """The names of the offered tools."""
        return TOOL_SETS[self.tool_set]

    def is_right(self, call: Call) -> bool:
        """Return whether the call does what the user asks."""
        return any(right.admits(call) for right in self.right)


def schema_of(tool: str) -> JsonObject:
    """Return the schema of a tool's input."""
    schema = TOOLS[tool]["input_schema"]
    assert isinstance(schema, Mapping)
    return schema


def chosen(count: int) -> Sequence[Task]:
    """Return `count` tasks, spread over all tool sets."""
    return [TASKS[number * len(TASKS) // count] for number in range(min(count, len(TASKS)))]


def _admits(right: Argument, value: Argument) -> bool:
    if isinstance(right, Like):
        return isinstance(value, str) and re.fullmatch(right.pattern, value.strip(), re.DOTALL) is not None
    if isinstance(right, str) and isinstance(value, str):
        return right.strip() == value.strip()
    return right == value and type(right) is type(value)


def _read(path: str, **more: Argument) -> Call:
    return Call("Read", {"file_path": path, **more})


def _write(path: str, content: Argument) -> Call:
    return Call("Write", {"file_path": path, "content": content})


def _edit(path: str, old: Argument, new: Argument) -> Call:
    return Call("Edit", {"file_path": path, "old_string": old, "new_string": new})


def _bash(command: Argument) -> Call:
    return Call("Bash", {"command": command})


def _glob(pattern: Argument, **more: Argument) -> Call:
    return Call("Glob", {"pattern": pattern, **more})


def _grep(pattern: Argument, **more: Argument) -> Call:
    return Call("Grep", {"pattern": pattern, **more})


def _fetch(url: Argument) -> Call:
    return Call("WebFetch", {"url": url, "prompt": Like("Summarise the page.", ".+")})


def _search(query: Argument) -> Call:
    return Call("WebSearch", {"query": query})


def _notebook(path: str, source: Argument, **more: Argument) -> Call:
    return Call("NotebookEdit", {"notebook_path": path, "new_source": source, **more})


def _containing(example: str, *words: str) -> Like:
    """Return an argument that contains these words, in any order and case."""
    lookaheads = "".join(f"(?=.*{re.escape(word)})" for word in words)
    return Like(example, f"(?i){lookaheads}.*")


def _cat(path: str) -> Call:
    return _bash(Like(f"cat {path}", rf'cat "?{re.escape(path)}"?'))


_FILES = (
    ("What is in /etc/hostname?", _read("/etc/hostname"), _cat("/etc/hostname")),
    ("Show me the file /srv/app/main.py.", _read("/srv/app/main.py"), _cat("/srv/app/main.py")),
    ("Read the first 20 lines of /srv/app/README.md.", _read("/srv/app/README.md", limit=20)),
    ("Read /var/log/app.log from line 500 on.", _read("/var/log/app.log", offset=500)),
    ("Open src/config.ts in the working directory.", _read("/srv/app/src/config.ts")),
    (
        "Which dependencies does /srv/app/package.json have?",
        _read("/srv/app/package.json"),
        _cat("/srv/app/package.json"),
    ),
    ('Create the file /srv/app/hello.txt with the text "hello world".', _write("/srv/app/hello.txt", "hello world")),
    (
        "Write a Python file /srv/app/add.py with a function add(a, b) that returns their sum.",
        _write("/srv/app/add.py", _containing("def add(a, b):\n    return a + b\n", "def add(a, b)", "return a + b")),
    ),
    (
        "Make an empty file /srv/app/__init__.py.",
        _write("/srv/app/__init__.py", ""),
        _bash(_containing("touch /srv/app/__init__.py", "touch", "/srv/app/__init__.py")),
    ),
    (
        "In /srv/app/config.py, replace DEBUG = True with DEBUG = False.",
        _edit("/srv/app/config.py", "DEBUG = True", "DEBUG = False"),
    ),
    (
        'In /srv/app/setup.cfg, change "version = 1.0" to "version = 1.1".',
        _edit("/srv/app/setup.cfg", "version = 1.0", "version = 1.1"),
    ),
    (
        "/srv/app/math.py has the line `return a - b`. It has to be `return a + b`. Fix it.",
        _edit("/srv/app/math.py", _containing("return a - b", "a - b"), _containing("return a + b", "a + b")),
    ),
    ("Run the tests with pytest.", _bash(_containing("pytest", "pytest"))),
    ("Show the git status.", _bash(Like("git status", "git status.*"))),
    ("Install the package requests with pip.", _bash(_containing("pip install requests", "pip", "install requests"))),
    ("Which version of node is installed? Run the command.", _bash(Like("node --version", "node (-v|--version)"))),
    (
        "Find all TypeScript files below /srv/app/src.",
        _glob(_containing("/srv/app/src/**/*.ts", ".ts")),
        _bash(_containing("find /srv/app/src -name '*.ts'", "find", "/srv/app/src", ".ts")),
    ),
    (
        "List all files named Dockerfile in the project.",
        _glob(_containing("**/Dockerfile", "Dockerfile")),
        _bash(_containing("find . -name Dockerfile", "find", "Dockerfile")),
    ),
    ("Search the code for the word TODO.", _grep("TODO"), _bash(_containing("grep -rn TODO .", "grep", "TODO"))),
    (
        "In which Python files is the function parse_config used? Search for it.",
        _grep(_containing("parse_config", "parse_config")),
        _bash(_containing("grep -rn parse_config --include='*.py' .", "grep", "parse_config")),
    ),
)

_WEB = (
    (
        "Fetch https://example.com/ and tell me its title.",
        _fetch(Like("https://example.com/", "https://example.com/?")),
    ),
    (
        "Summarise the page https://docs.python.org/3/library/json.html.",
        _fetch("https://docs.python.org/3/library/json.html"),
    ),
    (
        "What does http://localhost:8000/health answer?",
        _fetch(Like("http://localhost:8000/health", "https?://localhost:8000/health")),
    ),
    (
        "Get https://api.example.com/v1/users?page=2&limit=50 and list the names.",
        _fetch("https://api.example.com/v1/users?page=2&limit=50"),
    ),
    ("Search the web for the newest release of Django.", _search(_containing("newest Django release", "django"))),
    (
        "Look up on the internet how to configure an nginx reverse proxy.",
        _search(_containing("nginx reverse proxy", "nginx")),
    ),
    (
        "Search the web for asyncio tutorials, only on docs.python.org.",
        Call(
            "WebSearch", {"query": _containing("asyncio tutorial", "asyncio"), "allowed_domains": ["docs.python.org"]}
        ),
    ),
    ("Find out on the web who wrote SQLite.", _search(_containing("who wrote SQLite", "sqlite"))),
    ("Stop the background task with the id b3f9.", Call("TaskStop", {"task_id": "b3f9"})),
    ("The task build-7 has been running for too long. Stop it.", Call("TaskStop", {"task_id": "build-7"})),
    (
        "In the notebook /srv/app/plots.ipynb, replace the source of the cell cell-2 by: import numpy as np",
        _notebook("/srv/app/plots.ipynb", "import numpy as np", cell_id="cell-2"),
    ),
    (
        "Insert a markdown cell with the text '# Results' into the notebook /srv/app/report.ipynb.",
        _notebook("/srv/app/report.ipynb", "# Results", cell_type="markdown", edit_mode="insert"),
    ),
    ("Read the notebook /srv/app/plots.ipynb.", _read("/srv/app/plots.ipynb")),
    ("Read pages 1-3 of the document /srv/app/manual.pdf.", _read("/srv/app/manual.pdf", pages="1-3")),
    ("What does the license in /srv/app/LICENSE say?", _read("/srv/app/LICENSE")),
    (
        "Write the line `node_modules/` to a new file /srv/app/.gitignore.",
        _write("/srv/app/.gitignore", "node_modules/"),
    ),
    (
        'Create /srv/app/data.json with the content {"name": "demo", "size": 3}.',
        _write("/srv/app/data.json", Like('{"name": "demo", "size": 3}', r'\{\s*"name":\s*"demo",\s*"size":\s*3\s*\}')),
    ),
    (
        "Rename the variable cnt to count everywhere in /srv/app/loop.py.",
        Call(
            "Edit", {"file_path": "/srv/app/loop.py", "old_string": "cnt", "new_string": "count", "replace_all": True}
        ),
    ),
    (
        'Replace "colour" by "color" in /srv/app/style.css.',
        _edit("/srv/app/style.css", "colour", "color"),
    ),
    ("Which JSON files are in /srv/app/fixtures?", _glob(_containing("/srv/app/fixtures/*.json", ".json"))),
)

_ALL = (
    ("What is the content of /etc/os-release?", _read("/etc/os-release"), _cat("/etc/os-release")),
    ("Show me lines 100 to 149 of /srv/app/server.go.", _read("/srv/app/server.go", offset=100, limit=50)),
    ("Please look at /home/user/notes/todo.md.", _read("/home/user/notes/todo.md"), _cat("/home/user/notes/todo.md")),
    (
        'Save the text "release 2.0" in /srv/app/CHANGES.',
        _write("/srv/app/CHANGES", Like("release 2.0", r"release 2\.0")),
    ),
    (
        "Create a shell script /srv/app/run.sh that prints hello.",
        _write("/srv/app/run.sh", _containing("#!/bin/sh\necho hello\n", "echo", "hello")),
    ),
    (
        "Write an HTML page to /srv/app/index.html with the heading Welcome.",
        _write("/srv/app/index.html", _containing("<html><body><h1>Welcome</h1></body></html>", "<h1>", "Welcome")),
    ),
    ("In /srv/app/app.py change port=5000 to port=8080.", _edit("/srv/app/app.py", "port=5000", "port=8080")),
    (
        "Remove the line `import os` from /srv/app/tool.py.",
        _edit("/srv/app/tool.py", _containing("import os\n", "import os"), Like("", r"\s*")),
    ),
    ("Show the last five commits.", _bash(Like("git log -5", "git log.*5.*"))),
    ("Create the folder /srv/app/build.", _bash(_containing("mkdir -p /srv/app/build", "mkdir", "/srv/app/build"))),
    ("Run `npm run build`.", _bash("npm run build")),
    ("How much disk space is free? Use a shell command.", _bash(Like("df -h", "df.*"))),
    (
        "Find every file that ends with .test.js.",
        _glob(_containing("**/*.test.js", ".test.js")),
        _bash(_containing("find . -name '*.test.js'", "find", ".test.js")),
    ),
    (
        "Search for `raise ValueError` in the Python files.",
        _grep(_containing("raise ValueError", "raise", "ValueError")),
        _bash(_containing("grep -rn 'raise ValueError' --include='*.py' .", "grep", "raise ValueError")),
    ),
    (
        "Count the matches of the word error in the files below /var/log, ignoring case.",
        _grep(_containing("error", "error"), path=Like("/var/log", "/var/log/?")),
        _bash(_containing("grep -rci error /var/log", "grep", "error", "/var/log")),
    ),
    (
        "Fetch https://www.rfc-editor.org/rfc/rfc2324 and summarise it.",
        _fetch("https://www.rfc-editor.org/rfc/rfc2324"),
    ),
    ("Search the web for the price of a Raspberry Pi 5.", _search(_containing("Raspberry Pi 5 price", "raspberry"))),
    (
        "Delegate this to a new agent: find out why the tests in /srv/app/tests are slow.",
        Call(
            "Agent",
            {
                "prompt": _containing("Find out why the tests in /srv/app/tests are slow.", "tests"),
                "description": Like("Find slow tests", ".+"),
            },
        ),
    ),
    (
        'Add a task "Update the docs" to the task list.',
        Call(
            "TaskCreate",
            {
                "subject": _containing("Update the docs", "update", "docs"),
                "description": Like("Update the documentation", ".+"),
            },
        ),
    ),
    ("Stop the background task a1b2c3.", Call("TaskStop", {"task_id": "a1b2c3"})),
)

TASKS: Sequence[Task] = tuple(
    Task(tool_set, prompt, right)
    for tool_set, tasks in (("files", _FILES), ("web", _WEB), ("all", _ALL))
    for prompt, *right in tasks
)
