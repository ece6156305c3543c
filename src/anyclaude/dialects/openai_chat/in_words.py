"""
What is said in words to a server that has no field for it, or refuses the field.

Calls are written in the form of Hermes, which most models have seen in training and which is recognised in their
replies.  All texts follow from their arguments alone, so the prompt keeps its prefix.
"""

from collections.abc import Iterable, Sequence

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject, encode_json

CALL = '<tool_call>\n{{"name": {name}, "arguments": {arguments}}}\n</tool_call>'
RESULT = "<tool_response>\n{text}\n</tool_response>"

TOOLS = """# Tools

You can call the tools below. To call one, write nothing but JSON between these tags, and end your reply after it:

<tool_call>
{{"name": "<name of the tool>", "arguments": {{"<parameter>": "<value>"}}}}
</tool_call>

For several calls, write several such blocks. Each result comes in the next message, between <tool_response> tags.

<tools>
{tools}
</tools>"""

DESCRIPTION = "# The tool {name}\n\n{description}"
"""A description that the server's field is too short for."""

CONTINUED = " … (continued in the instructions)"

CALL_THIS = "Call the tool {name} now."
CALL_ANY = "Call one of the tools now."
CALL_NONE = "Do not call a tool now."

GO_ON = (
    "Your reply to this has begun already, with the text between the tags. Write only what follows after it, and do "
    "not repeat it:\n<begun>{text}</begun>"
)

JSON_REPLY = "Reply with one JSON object and nothing else. It must fit this JSON schema:\n{schema}"


def call_in_words(name: str, arguments: str) -> str:
    """Return a call in the form that the instructions ask for; `arguments` is a JSON object."""
    return CALL.format(name=encode_json(name).decode(), arguments=arguments)


def result_in_words(text: str) -> str:
    """Return the result of a call."""
    return RESULT.format(text=text)


def tools_in_words(functions: Iterable[JsonObject]) -> str:
    """Return the description of tools: their names, descriptions and schemas, and how to call them."""
    return TOOLS.format(tools="\n".join(encode_json(function).decode() for function in functions))


def shortened(description: str, profile: BackendProfile) -> str:
    """Return a tool's description in the length that the server takes."""
    limit = profile.max_description_characters
    if limit is None or len(description) <= limit:
        return description
    return description[: max(limit - len(CONTINUED), 0)] + CONTINUED[:limit]


def long_descriptions(tools: Sequence[tuple[str, str]], profile: BackendProfile) -> str:
    """Return the whole descriptions, by name, of the tools whose description is shortened."""
    whole = [(name, text) for name, text in tools if shortened(text, profile) != text]
    return "\n\n".join(DESCRIPTION.format(name=name, description=text) for name, text in whole)


def format_in_words(schema: JsonObject) -> str:
    """Return the sentence that asks for a reply in JSON."""
    return JSON_REPLY.format(schema=encode_json(schema).decode())
