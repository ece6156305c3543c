"""
What the parsers of vllm-mlx find in replies: a program of its own, for an interpreter that has vllm-mlx and no more.

Reads replies from standard input, as JSON: `{id: [reply, tools]}`, and writes `{id: {parser: [[name, arguments]]}}`.
"""

import json
import sys
from types import ModuleType

ALIASES = frozenset({"auto", "generic"})


def found(parser_class: type, reply: str, tools: list[object]) -> list[list[object]]:
    """Return the calls that a parser finds; none if it fails."""
    try:
        information = parser_class().extract_tool_calls(reply, {"tools": tools})
    except Exception:  # noqa: BLE001 - whatever it raises, it has found no call
        return []
    calls = []
    for call in information.tool_calls if information.tools_called else ():
        calls.append([str(call["name"]), call["arguments"]])
    return calls


def main() -> None:
    """Answer with what each parser finds."""
    transformers = ModuleType("transformers")
    transformers.PreTrainedTokenizerBase = object  # type: ignore[attr-defined]  # all they need of it is the name
    sys.modules["transformers"] = transformers
    from vllm_mlx.tool_parsers import ToolParserManager  # type: ignore[import-not-found]

    parsers = {}
    for name in ToolParserManager.list_registered():
        parser_class = ToolParserManager.get_tool_parser(name)
        parsers[parser_class.__name__] = parser_class
    replies = json.load(sys.stdin)
    answer = {
        identifier: {name: found(parser_class, reply, tools) for name, parser_class in parsers.items()}
        for identifier, (reply, tools) in replies.items()
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
