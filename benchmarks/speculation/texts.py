"""What is generated: requests whose replies copy much, in part, or nothing of what the model has read."""

import json
from dataclasses import dataclass
from typing import TypeAlias

Body: TypeAlias = dict[str, object]

_FIELDS = ("width", "height", "depth", "weight", "price", "colour")
_FILE = "".join(
    f"def total_{name}(rows, session):\n"
    f'    """Return what the rows have of {name}, all together."""\n'
    f"    found = session.get({name!r}, 0)\n"
    f"    return found + sum(row[{name!r}] for row in rows)\n\n\n"
    for name in _FIELDS
)
_NUMBERED = "".join(f"{number:6}\t{line}\n" for number, line in enumerate(_FILE.splitlines(), start=1))
_CALL = {
    "type": "object",
    "properties": {
        "name": {"const": "Write"},
        "arguments": {
            "type": "object",
            "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
            "required": ["file_path", "content"],
        },
    },
    "required": ["name", "arguments"],
}
_EARLIER_CALL = json.dumps({"name": "Write", "arguments": {"file_path": "/src/totals.py", "content": _FILE}})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of text, and the requests that make a model write it."""

    title: str
    is_copied: bool
    requests: tuple[Body, ...]


def _asking(*turns: str, **more: object) -> Body:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)], **more}


def _rewrites(text: str) -> tuple[Body, ...]:
    return tuple(
        _asking(f"```python\n{text}```\nWrite the whole file again, with `{old}` renamed to `{new}`. Only the file.")
        for old, new in (("session", "store"), ("rows", "lines"))
    )


_AS_JSON = {"type": "json_schema", "json_schema": {"name": "call", "schema": _CALL}}

KINDS = (
    Kind("rewriting a file", is_copied=True, requests=_rewrites(_FILE)),
    Kind("rewriting a file that was read with line numbers", is_copied=True, requests=_rewrites(_NUMBERED)),
    Kind(
        "a file in the JSON of a call, by a grammar",
        is_copied=True,
        requests=(
            _asking(
                f"```\n{_NUMBERED}```\nCall Write with this file, with `session` renamed to `store`.",
                response_format=_AS_JSON,
            ),
        ),
    ),
    Kind(
        "the same call again, after an error",
        is_copied=True,
        requests=(
            _asking(
                "Write the totals.",
                _EARLIER_CALL,
                "Error: the folder did not exist. It does now: call Write again, with the same file.",
                response_format=_AS_JSON,
            ),
        ),
    ),
    Kind(
        "thinking",
        is_copied=False,
        requests=(
            _asking("Think step by step: a farmer has 17 sheep, and all but 9 run away. How many are left? Check it."),
            _asking("Think step by step: is 221 a prime number? Try each divisor, and check your answer."),
        ),
    ),
    Kind(
        "prose",
        is_copied=False,
        requests=(
            _asking("Explain in about 200 words how a hash table works."),
            _asking("Write a short story about a lighthouse keeper."),
        ),
    ),
)
