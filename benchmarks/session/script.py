"""The session to play: the project, the user's task, and the model's replies, one for each turn."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from tests.parts.chat_reply import Call, call
from tests.parts.chat_request import ChatRequest

TASK = (
    "In stock.py, rename `items` to `entries` and then `total` to `result`. "
    "Adapt test_stock.py and README.md, and run the test after each step."
)
EARLIER_TASK = "What is this project about? Answer in one sentence."
"""The task of the session before a warm one: another one, so that only the beginning of the prompt is known."""

Kind: TypeAlias = Literal["read", "rewrite", "edit", "run", "answer"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply of the model: what it says, and the call that it makes, if any."""

    kind: Kind
    text: str
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A task, the replies to it in order, and what they make of the project's files."""

    task: str
    turns: tuple[Turn, ...]
    files: dict[str, str]


Script: TypeAlias = Callable[[ChatRequest], int | None]
"""Returns which turn a request asks for, counted from 0; `None` if it is no request of the session."""

STOCK = '''"""The stock of a small shop: what is there, and what it is worth."""


def total_value(items):
    """Return what all items are worth, in cents."""
    total = 0
    for item in items:
        total += item["price"] * item["count"]
    return total


def total_weight(items):
    """Return what all items weigh, in grams."""
    total = 0
    for item in items:
        total += item["weight"] * item["count"]
    return total


def cheapest(items):
    """Return the item with the lowest price, None if there are no items."""
    if not items:
        return None
    return min(items, key=lambda item: item["price"])


def running_low(items, limit=3):
    """Return the names of the items of which fewer than `limit` are left."""
    return [item["name"] for item in items if item["count"] < limit]


def by_shelf(items):
    """Return the items of each shelf, in the order in which they were given."""
    shelves = {}
    for item in items:
        shelves.setdefault(item["shelf"], []).append(item)
    return shelves


def sell(items, name, count):
    """Take some pieces of one item from the stock.

    Raises ValueError if fewer pieces are left, and KeyError if there is no such item.
    """
    for item in items:
        if item["name"] != name:
            continue
        if item["count"] < count:
            raise ValueError(f"only {item['count']} pieces of {name} are left")
        item["count"] -= count
        return item
    raise KeyError(name)


def report(items):
    """Return a line for each item, and one for the whole stock."""
    lines = [f"{item['name']}: {item['count']} pieces at {item['price']} cents" for item in items]
    total = total_value(items)
    lines.append(f"all items: {total} cents")
    return "\\n".join(lines)
'''

TEST = """from stock import cheapest, report, running_low, sell, total_value

STOCK = [
    {"name": "nails", "price": 2, "count": 500, "weight": 3, "shelf": "A"},
    {"name": "hammer", "price": 1250, "count": 2, "weight": 900, "shelf": "B"},
]

assert total_value(items=STOCK) == 3500
assert cheapest(STOCK)["name"] == "nails"
assert running_low(STOCK) == ["hammer"]
assert sell(STOCK, "hammer", 1)["count"] == 1
assert report(STOCK).splitlines()[-1].endswith("2250 cents")
print("all tests passed")
"""

README = "# Stock\n\n`total_value(items)` returns what all items are worth, `report(items)` prints them.\n"

FILES: dict[str, str | bytes] = {"stock.py": STOCK, "test_stock.py": TEST, "README.md": README}

RUN_TEST = "python3 test_stock.py"


def whole_session(tree: Path) -> Session:
    """Return the session of eleven turns."""
    renamed = _renamed(STOCK, "items", "entries")
    again = _renamed(renamed, "total", "result")
    old, new = "total_value(items=STOCK)", "total_value(entries=STOCK)"
    old_line, new_line = "`total_value(items)`", "`total_value(entries)`"
    turns = (
        _run("I look at the project first.", "ls -l; wc -l *.py", "List the files"),
        _read(tree, "Now the module.", "stock.py"),
        _write(tree, "I write it again, with the first name changed.", "stock.py", renamed),
        _run("Does the test still pass?", RUN_TEST, "Run the test"),
        _read(tree, "It uses the old name of the argument.", "test_stock.py"),
        _edit(tree, "I change that line.", "test_stock.py", old, new),
        _run("Once more.", RUN_TEST, "Run the test"),
        _write(tree, "The first name is done. I write the module with the second name changed.", "stock.py", again),
        _read(tree, "The documentation is left.", "README.md"),
        _edit(tree, "It names the argument.", "README.md", old_line, new_line),
        _run("The test for the last time.", f"{RUN_TEST} && git diff --stat", "Run the test"),
        Turn(
            "answer", "Both names are changed in stock.py, the test and the documentation are adapted, and it passes."
        ),
    )
    files = {
        "stock.py": again,
        "test_stock.py": TEST.replace(old, new),
        "README.md": README.replace(old_line, new_line),
    }
    return Session(TASK, turns, files)


def short_session(tree: Path) -> Session:
    """Return a session of four turns with a small file, for a test."""
    changed = README.replace("items", "entries")
    turns = (
        _read(tree, "I read it first.", "README.md"),
        _write(tree, "I write it again, with the name changed.", "README.md", changed),
        _run("Does the test still pass?", RUN_TEST, "Run the test"),
        Turn("answer", "The name is changed in README.md."),
    )
    return Session(
        "In README.md, rename `items`.", turns, {"stock.py": STOCK, "test_stock.py": TEST, "README.md": changed}
    )


def earlier_session(tree: Path) -> Session:
    """Return the session that is played before a warm one; it changes nothing."""
    files = {"stock.py": STOCK, "test_stock.py": TEST, "README.md": README}
    return Session(EARLIER_TASK, (Turn("answer", "It keeps the stock of a small shop."),), files)


SESSIONS: Mapping[str, Callable[[Path], Session]] = MappingProxyType(
    {"whole": whole_session, "short": short_session, "earlier": earlier_session}
)


def script_of(session: Session) -> Script:
    """Recognise the session's requests by their opening, and its turns by the replies that they contain."""

    def turn_of(request: ChatRequest) -> int | None:
        # A request for no reply evaluates a prompt in advance.
        is_asked = request.body.max_tokens is None or request.body.max_tokens > 1
        return request.turns_taken if is_asked and session.task in request.opening else None

    return turn_of


def _renamed(text: str, old: str, new: str) -> str:
    return re.sub(rf"\b{old}\b", new, text)


def _read(tree: Path, text: str, name: str) -> Turn:
    return Turn("read", text, call("Read", file_path=f"{tree}/{name}"))


def _write(tree: Path, text: str, name: str, content: str) -> Turn:
    return Turn("rewrite", text, call("Write", file_path=f"{tree}/{name}", content=content))


def _edit(tree: Path, text: str, name: str, old: str, new: str) -> Turn:
    return Turn("edit", text, call("Edit", file_path=f"{tree}/{name}", old_string=old, new_string=new))


def _run(text: str, command: str, description: str) -> Turn:
    return Turn("run", text, call("Bash", command=command, description=description))
