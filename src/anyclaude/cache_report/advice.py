"""Advice: which setting or habit would have kept a prompt in the engine's cache, by the cause of the finding."""

from anyclaude.exchange_record import ExchangeRecord

from .findings import DifferenceLocation, Finding, Hint

NOTHING = "Nothing: this is new text."

_BY_HINT: dict[Hint, str] = {
    "compaction": (
        "The client compacted the conversation: a summary replaced its history. A larger window (--context-tokens) "
        "delays that; the tools and the system prompt stay in the cache."
    ),
    "attribution": "CLAUDE_CODE_ATTRIBUTION_HEADER=0, which `anyclaude` sets unless you export another value.",
    "token_countdown": (
        "CLAUDE_CODE_TOTAL_TOKENS_REMINDER=off, which `anyclaude` sets unless you export another value."
    ),
    "git_status": "--diet lean: the client then leaves the git status out of the prompt, and the model asks git.",
    "date_or_time": (
        "A date or time appears in the prompt before the conversation. Put it in the newest message instead, or leave "
        "it out."
    ),
}

_TOOLS = {
    "added": (
        "A tool was added during the conversation. ENABLE_TOOL_SEARCH=false (which `anyclaude` sets) offers all tools "
        "from the start; an MCP server should be running before the first turn."
    ),
    "removed": "Offer the same tools on every turn; a mode of the client or an MCP server removed one.",
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
            return NOTHING if finding.location is None else _for_first_turn(finding, finding.location)
        case "model_changed":
            return _for_model(record)
        case "engine_lost_it":
            return _for_engine(finding, record)
        case "tools_changed":
            return _TOOLS[finding.location.change] if finding.location else NOTHING
        case "system_changed":
            return next(
                (_BY_HINT[hint] for hint in finding.hints),
                "Keep the system prompt the same for a whole conversation, and put what changes in the newest message.",
            )
        case "messages_changed":
            return _for_messages(finding)


def _for_first_turn(finding: Finding, location: DifferenceLocation) -> str:
    if location.section == "messages":
        return NOTHING
    hinted = next((_BY_HINT[hint] for hint in finding.hints), None)
    other = "The most similar conversation has other tools or another system prompt"
    return hinted or f"{other}; the difference is new text to the engine."


def _for_model(record: ExchangeRecord) -> str:
    if record.skipped_backends:
        return f"The first model could not answer ({record.skipped_backends[-1].reason}), and a fallback did."
    return (
        "Each model has its own cache: keep one model for a whole conversation (--model, --opus-model, --sonnet-model, "
        "--haiku-model and --subagent-model choose the model for each name)."
    )


def _for_engine(finding: Finding, record: ExchangeRecord) -> str:
    is_embedded = (record.route or "").startswith("embedded/")
    if finding.is_from_an_earlier_run:
        if is_embedded:
            return (
                "The engine was restarted since then, and its slot snapshot was not restored: the log says why, and "
                "ANYCLAUDE_SLOT_SNAPSHOTS_MIB limits the snapshots. `anyclaude serve` keeps running, and so does its "
                "cache."
            )
        return "Another launch sent the earlier prompt. If the server was restarted since then, its cache was lost."
    if not finding.answered_since:
        return "The server dropped it: it was restarted, or its cache is too small for such a prompt."
    if is_embedded:
        return (
            "A later request took its slot. ANYCLAUDE_PARALLEL_REQUESTS=2 gives each of two conversations a slot (and "
            "takes the memory for it)."
        )
    return (
        "A later request took its slot. Memory for conversations that lost their slot (llama-server: --cache-ram 4096) "
        "keeps both, and ANYCLAUDE_PARALLEL_REQUESTS=1 lets each finish its turn before the next."
    )


def _for_messages(finding: Finding) -> str:
    if "compaction" in finding.hints:
        return _BY_HINT["compaction"]
    if finding.location is not None and finding.location.name == "assistant":
        return (
            "The client sent back the model's own output in another form than the model wrote it. The gateway restores "
            "the tool calls it remembers (spoken-calls.jsonl); a client should send replies back unchanged."
        )
    hinted = next((_BY_HINT[hint] for hint in finding.hints if hint != "date_or_time"), None)
    return hinted or (
        "The history was edited or rewound. Everything after the edit is new text; a client should only append."
    )
