"""Which rule would have kept a prompt in the engine's cache: one sentence for each kind of finding."""

from anyclaude.exchange.record import ExchangeRecord

from .findings import DifferenceLocation, Finding, Hint

NOTHING = "Nothing: this is new text."

_BY_HINT: dict[Hint, str] = {
    "compaction": (
        "The client has compacted the conversation, which replaces its history by a summary. A larger window "
        "(--context-tokens) puts that off; the tools and the system prompt stay in the cache."
    ),
    "attribution": "CLAUDE_CODE_ATTRIBUTION_HEADER=0, which `anyclaude` sets unless you have exported another value.",
    "token_countdown": (
        "CLAUDE_CODE_TOTAL_TOKENS_REMINDER=off, which `anyclaude` sets unless you have exported another value."
    ),
    "git_status": "--diet lean, under which the client leaves git's state out of the prompt and the model asks git.",
    "date_or_time": (
        "A date or a time stands in a part of the prompt that comes before the conversation. Whoever writes it there "
        "should say it in the newest message instead, or leave it out."
    ),
}

_TOOLS = {
    "added": (
        "A tool that joins in mid-conversation. ENABLE_TOOL_SEARCH=false (which `anyclaude` sets) offers all tools "
        "from the start; an MCP server should be up before the first turn."
    ),
    "removed": "Offer the same tools on every turn; a mode of the client or an MCP server took one away.",
    "moved": "Send the tools in the same order on every turn.",
    "changed": (
        "Keep each tool's description and schema the same on every turn; the client's effort level "
        "(CLAUDE_CODE_EFFORT_LEVEL) changes some descriptions, and so does another --diet."
    ),
}


def advice_for(finding: Finding, record: ExchangeRecord) -> str:
    """Return what would have avoided the loss."""
    match finding.cause:
        case "nothing_lost" | "first_request" | "not_reported":
            return NOTHING
        case "first_turn":
            return NOTHING if finding.place is None else _about_first_turn(finding, finding.place)
        case "model_changed":
            return _about_model(record)
        case "engine_lost_it":
            return _about_engine(finding, record)
        case "tools_changed":
            return _TOOLS[finding.place.change] if finding.place else NOTHING
        case "system_changed":
            return next(
                (_BY_HINT[hint] for hint in finding.hints),
                "Keep the system prompt the same for a whole conversation, and say what changes in the newest message.",
            )
        case "messages_changed":
            return _about_messages(finding)


def _about_first_turn(finding: Finding, place: DifferenceLocation) -> str:
    if place.section == "messages":
        return NOTHING
    told = next((_BY_HINT[hint] for hint in finding.hints), None)
    other = "The conversation it shares most with has other tools or another system prompt"
    return told or f"{other}; what differs is new text to the engine."


def _about_model(record: ExchangeRecord) -> str:
    if record.skipped_backends:
        return f"The model asked first could not answer ({record.skipped_backends[-1].reason}), and a fallback did."
    return (
        "Each model has a cache of its own: keep one for a whole conversation (--model, --opus-model, --sonnet-model, "
        "--haiku-model and --subagent-model say which names mean which)."
    )


def _about_engine(finding: Finding, record: ExchangeRecord) -> str:
    is_embedded = (record.route or "").startswith("embedded/")
    if finding.is_from_an_earlier_run:
        if is_embedded:
            return (
                "The engine was started anew since, and what it had computed was not restored: the log says why, and "
                "ANYCLAUDE_SLOT_SNAPSHOTS_MIB bounds what is kept. `anyclaude serve` goes on running and keeps its cache."
            )
        return "Another launch asked for the earlier prompt. If the server was restarted since, its cache went with it."
    if not finding.answered_since:
        return "The server let go of it by itself: it was restarted, or its cache is too small for such a prompt."
    if is_embedded:
        return (
            "What it was asked since took its place. ANYCLAUDE_PARALLEL_REQUESTS=2 gives each of two conversations a "
            "place of its own (and takes the memory for it)."
        )
    return (
        "What it was asked since took its place. Memory for conversations that have lost theirs (llama-server: "
        "--cache-ram 4096) keeps both, and ANYCLAUDE_PARALLEL_REQUESTS=1 lets each finish its turn before the next."
    )


def _about_messages(finding: Finding) -> str:
    if "compaction" in finding.hints:
        return _BY_HINT["compaction"]
    if finding.place is not None and finding.place.name == "assistant":
        return (
            "The client has sent back the model's own words otherwise than the model wrote them. The gateway undoes "
            "that for calls it remembers (spoken-calls.jsonl); a client should echo replies as they came."
        )
    told = next((_BY_HINT[hint] for hint in finding.hints if hint != "date_or_time"), None)
    return told or (
        "The history was edited or rewound. What stands behind the edit is new text; a client should only ever add to "
        "the end."
    )
