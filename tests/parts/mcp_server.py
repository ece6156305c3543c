"""
A tool server of the client's Model Context Protocol on standard input and output, with one tool.

It is a program for the client to start: `python mcp_server.py`.  The tool `text` returns as many characters as it is
asked for: words, or digits that no tokenizer compresses.
"""

import json
import random
import sys

WORDS = (
    "garden",
    "water",
    "light",
    "morning",
    "river",
    "window",
    "letter",
    "paper",
    "stone",
    "winter",
    "bread",
    "salt",
)

TOOL = {
    "name": "text",
    "description": "Returns a text.",
    "inputSchema": {
        "type": "object",
        "properties": {"characters": {"type": "integer"}, "digits": {"type": "boolean"}},
        "required": ["characters"],
    },
}


def text_of(characters: int, *, digits: bool) -> str:
    """Return a text of this length, the same one every time."""
    chosen = random.Random(characters)
    if digits:
        return "".join(chosen.choices("0123456789", k=characters))
    return " ".join(chosen.choices(WORDS, k=characters // 3))[:characters]


def _answer(method: str, parameters: dict[str, object]) -> object:
    match method:
        case "initialize":
            about = {"name": "texts", "version": "1"}
            return {
                "protocolVersion": parameters["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": about,
            }
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            given = parameters["arguments"]
            assert isinstance(given, dict)
            text = text_of(int(given["characters"]), digits=bool(given.get("digits")))
            return {"content": [{"type": "text", "text": text}]}
        case _:
            return {}


def main() -> None:
    """Answer each line of the input with a line."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            result = _answer(message["method"], message.get("params", {}))
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
