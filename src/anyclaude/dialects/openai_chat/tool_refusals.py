"""What refusals ask for that are about tools: the field itself, names, descriptions, schemas, and forced calls."""

from collections.abc import Iterator

from anyclaude.profiles import Change

from .field_ranges import range_in, values_in
from .refusal import Refusal

TOOLS = (
    r"(?:tools?(?:[_ ](?:use|usage|calls?|calling))?|functions?(?:[_ ]call(?:s|ing)?)?)[`'\"]?"
    r"(?![\w\[.-]|[_ ](?:choice|schema|definition|param|name|description|message|result|response|id|role|mode))"
)
"""What has no support; not the parts of a tool, and not the choice among them."""

_NOT_TAKEN = (
    r"(?: is| are| was| were)?(?: a| currently| yet)* ?(?:not|un)\W?(?:a |currently |yet )?"
    r"(?:support|allowed|available|enabled|permitted|implemented)"
)

DEFAULT_DESCRIPTION_LIMIT = 1024
"""OpenAI's limit, for refusals without a figure."""


def parser(refusal: Refusal) -> Iterator[Change]:
    """Yield calls that are left in the text, for a server without a parser for them."""
    if "tools" in refusal.body and refusal.says(r"enable-auto-tool-choice|tool[-_ ]call[-_ ]parser"):
        if refusal.body.get("tool_choice") == "required":
            yield "forces_calls_by", "words"
        yield "auto_tool_choice", "none"
        yield "tools_sent_as", "words"


def support(refusal: Refusal) -> Iterator[Change]:
    """Yield tools in words, where the server has no support for them, unless another field is named first."""
    place = refusal.place_of_words(
        r"(?:support|allow|enable|accept|implement|handle)\w*\s+(?:\w+ ){0,2}"
        rf"[`'\"]?{TOOLS}"
        rf"|[`'\"]?\b{TOOLS}(?:[/,\w ]{{0,12}})?{_NOT_TAKEN}"
        r"|\b(?:tool|function)[_ ](?:use|calling|calls?)_not_supported"
        r"|(?:unknown|unsupported|unrecogni[sz]ed|unexpected|extra)\b.{0,40}[`'\"]tools[`'\"]"
        r"|(?:unknown|unsupported|unrecogni[sz]ed)\b.{0,20}\b(?:param\w*|fields?|arguments?)\b.{0,12}: tools\b"
        r"|(?:body|extra)\W+tools\W+(?:msg\W+)?(?:extra|unexpected|not)|tools: extra"
        r"|\btools? (?:param\w*|calling|use|field) requires?"
    )
    if refusal.has_tools and place is not None and place <= refusal.first_place:
        yield "tools_sent_as", "words"


def names_and_descriptions(refusal: Refusal) -> Iterator[Change]:
    """Yield a plainer form of the tools' names and descriptions."""
    if "tools" not in refusal.body:
        return
    if refusal.says(r"description") and refusal.says(r"too long|length|characters|exceed|at most|maximum"):
        _, highest = range_in(refusal.words) or (None, None)
        limit = int(highest) if highest is not None and highest >= 1 else DEFAULT_DESCRIPTION_LIMIT
        yield "max_description_characters", limit
    if refusal.says(
        r"(?:tool|function)s?(?:\[\d+\]|\.\d+)?(?:\.|\b[_ '`\"]*)(?:(?:function|custom)\.)?[_ '`\"]*names?\b"
        r"|tool_(?:spec|declaration)\w*\.name\b|function_declarations\W+\d+\W+name\b|names? of (?:the )?(?:tool|func)"
    ) and refusal.says(
        r"pattern|character|too long|length|invalid|match|must (?:start|begin|be|only|contain)|at most|expression"
    ):
        yield "tool_names", "plain"


def forced_calls(refusal: Refusal) -> Iterator[Change]:
    """Yield a weaker way to have a tool called."""
    choice = refusal.body.get("tool_choice")
    if choice is None or not (
        refusal.says(r"tool[_ ]?choice|forced? (?:tool|function)|(?:tool|function)[_ ]calling[_ ]mode")
        or (choice == "required" and refusal.names("required"))
    ):
        return
    accepts_required = "required" in values_in(refusal.words)
    is_form_refused = refusal.says(r"string|object|dict|map|named|function|type|enum") and not refusal.says(
        r"required (?:or|and)|or required"
    )
    if isinstance(choice, dict) and (accepts_required or is_form_refused):
        yield "accepts_named_tool_choice", False
    if isinstance(choice, dict) or choice == "required":
        yield "forces_calls_by", "words"
    yield "omitted_fields", "tool_choice"


def schemas(refusal: Refusal) -> Iterator[Change]:
    """Yield plainer schemas of the tools."""
    if "tools" not in refusal.body:
        return
    is_about_schemas = refusal.says(
        r"schema|\bparameters\b|propert(?:y|ies)\b|\$ref|anyof|oneof|allof|any_of|grammar|function_?declarations?\b"
        r"|cannot find field|initialize samplers|^\W*pattern must|tool (?:definition|param)"
    )
    if is_about_schemas and (
        refusal.says(r"tool|function|grammar|parameters") or "response_format" not in refusal.body
    ):
        yield "plain_tool_schemas", True
