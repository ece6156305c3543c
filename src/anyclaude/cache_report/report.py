"""Explain in words why a turn took as long as it did, from its record and the finding about its prompt."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from anyclaude.exchange_record import ExchangeRecord, RecordedToolRun, RecordedUsage

from .advice import advice_for
from .findings import Cause, DifferenceLocation, Finding

SHOWN_OF_ID = 12
"""Characters of an id that distinguish it from others, and suffice to ask for it."""

HEADLINES: dict[Cause, str] = {
    "nothing_lost": "Nothing was lost: the engine found the earlier prompt in its cache, and evaluated only new text.",
    "first_request": "There is no earlier prompt to compare with: all of it is new to the engine.",
    "first_turn": "This is the first turn of its conversation.",
    "model_changed": "A different model answered than before.",
    "system_changed": "The system prompt changed.",
    "tools_changed": "The tools changed.",
    "messages_changed": "An earlier message changed.",
    "engine_lost_it": "The prompts agree, but the engine lost its cache of the earlier one.",
    "not_reported": "The prompt continues the earlier one; this server does not report how much of it was cached.",
}


NO_FINDING = "There is no finding about its prompt: no reply began, too many ended at once, or it is too old."


class Line(Struct, frozen=True):
    """One line or paragraph of the explanation; `style` is rich's, for terminals."""

    label: str
    text: str
    style: str = ""


def explained(
    record: ExchangeRecord,
    finding: Finding | None,
    compared: ExchangeRecord | None,
    interrupted: ExchangeRecord | None = None,
) -> list[Line]:
    """
    Return the explanation.

    `compared` is the record of the exchange that this one was compared with, `interrupted` that of an evaluation in
    advance that this one interrupted and had to wait for.
    """
    lines = [Line("", _heading(record), "bold"), Line("", _counts(record)), *_generation(record.usage)]
    lines += map(_tool_run, record.tool_runs)
    if record.durations.abandoned_work:
        lines.append(Line("", _abandoned_work(record.durations.abandoned_work, interrupted), "yellow"))
    if record.outcome == "client_left":
        lines.append(Line("", "The client disconnected before the reply ended.", "red"))
    if record.error is not None:
        lines.append(Line("", f"It {record.outcome.replace('_', ' ')}: {record.error.message}", "red"))
    if finding is None:
        return [*lines, Line("", NO_FINDING)]
    is_healthy = finding.cause == "nothing_lost"
    lines.append(Line("", _headline(finding), "green" if is_healthy else "yellow"))
    if is_healthy or finding.compared_with is None:
        return lines
    lines.append(Line("compared with", _compared(finding, compared)))
    if finding.cause == "model_changed":
        lines.append(Line("model", f"{finding.previous_route} before, {record.route} now"))
    if finding.location is not None:
        lines += _difference(record, finding, finding.location)
    if finding.cause == "engine_lost_it":
        lines.append(Line("since then", _since_then(finding)))
    if cost := _cost(record, finding):
        lines.append(Line("cost", cost))
    return [*lines, Line("avoided by", advice_for(finding, record), "cyan")]


def short(identifier: str) -> str:
    """Return the first characters of an id, enough to ask for it."""
    return identifier[:SHOWN_OF_ID]


def seconds(value: float) -> str:
    """Return a duration; below a second, in milliseconds."""
    return f"{value:,.1f} s" if value >= 1 else f"{value * 1000:,.0f} ms"


def when(record: ExchangeRecord) -> str:
    """Return the local time of an exchange."""
    return datetime.fromisoformat(record.time).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _heading(record: ExchangeRecord) -> str:
    who = {"main": "main conversation", "subagent": "sub-agent", "unknown": "conversation"}
    part = who.get(record.request_class, record.request_class)
    session = f" of session {record.session[:8]}" if record.session else ""
    return f"{record.request_id} · {when(record)} · {part}{session} · {record.route or 'no model'}"


def _headline(finding: Finding) -> str:
    if finding.cause == "engine_lost_it" and not finding.is_same_conversation:
        return "This is the first turn of its conversation, but the engine lost what it shares with an earlier one."
    return HEADLINES[finding.cause]


def _counts(record: ExchangeRecord) -> str:
    usage, first = record.usage, record.durations.first_token
    began = f" The reply began after {seconds(first)}." if first is not None else ""
    if usage.input_tokens is None:
        return f"The engine did not report the length of the prompt.{began}"
    if usage.cached_tokens is None:
        return f"Prompt: {usage.input_tokens:,} tokens; the engine does not report how many were cached.{began}"
    taken = f" in {seconds(usage.prefill_seconds)}" if usage.prefill_seconds is not None else ""
    evaluated = usage.input_tokens - usage.cached_tokens
    return (
        f"Prompt: {usage.input_tokens:,} tokens, {usage.cached_tokens:,} found in the cache, "
        f"{evaluated:,} evaluated{taken} (the engine's own count).{began}"
    )


def _tool_run(run: RecordedToolRun) -> Line:
    if run.error is not None:
        return Line("", f"{run.tool} failed ({run.error}): {run.reason}", "yellow")
    return Line("", f"{run.tool} was run for the model: {run.results} found.")


def _generation(usage: RecordedUsage) -> Iterator[Line]:
    """Yield how fast the reply was generated, and how much of it had been drafted, where that is known."""
    if not usage.output_tokens or not usage.generation_seconds:
        return
    speed = usage.output_tokens / usage.generation_seconds
    text = f"Reply: {usage.output_tokens:,} tokens in {seconds(usage.generation_seconds)}, {speed:,.1f} per second"
    if usage.drafted_tokens is not None and usage.accepted_tokens is not None:
        text += f"; {usage.accepted_tokens:,} of {usage.drafted_tokens:,} drafted tokens were accepted"
    yield Line("", f"{text}.")


def _abandoned_work(waited: float, interrupted: ExchangeRecord | None) -> str:
    """Return what the request had to wait for before it was sent: none of that time is its own."""
    if interrupted is None:
        what = "with an earlier reply, whose client had left"
    else:
        what = f"with the evaluation in advance that this request interrupted ({interrupted.request_id})"
    return f"Of that, {seconds(waited)} are not its own: the server went on {what}."


def _compared(finding: Finding, compared: ExchangeRecord | None) -> str:
    relation = "of the same conversation" if finding.is_same_conversation else "the most similar prompt"
    time = "" if compared is None else f" of {when(compared)}"
    return f"{finding.compared_with}{time}, {relation}"


def _difference(record: ExchangeRecord, finding: Finding, location: DifferenceLocation) -> list[Line]:
    lines = [Line("first difference", f"{_token(record, finding, location)}: {_where(location)}")]
    if (excerpt := finding.excerpt) is not None:
        lines.append(Line("  before", _quoted(excerpt.was), "red"))
        lines.append(Line("  now", _quoted(excerpt.now), "green"))
    cached, common = record.usage.cached_tokens, finding.common_tokens
    if cached is not None and common is not None and common - cached > max(cached, 1) and common > cached:
        had = f"only {cached:,}" if cached else "none"
        lines.append(Line("", f"Up to there the prompts agree, but the engine had {had} of these tokens."))
    return lines


def _token(record: ExchangeRecord, finding: Finding, location: DifferenceLocation) -> str:
    if finding.common_tokens is not None:
        return f"token {finding.common_tokens + 1:,} (by the engine's tokenizer)"
    if record.usage.input_tokens is None:
        return f"character {location.characters + 1:,} of {location.of_characters:,}"
    common, length = location.characters, location.of_characters
    estimate = round(record.usage.input_tokens * common / max(length, 1))
    return f"about token {estimate + 1:,} (estimated from {common:,} of {length:,} characters)"


def _where(location: DifferenceLocation) -> str:
    match location.section:
        case "tools":
            return f"tool {location.number}, {location.name}, was {location.change}"
        case "system":
            return f"the system prompt was {location.change}"
        case "messages":
            return f"message {location.number}, of role {location.name}, was {location.change}"


def _quoted(text: str) -> str:
    """Return an excerpt as one line, with unprintable characters escaped."""
    if not text:
        return "(nothing)"
    return "…" + "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text) + "…"


def _since_then(finding: Finding) -> str:
    if finding.is_from_an_earlier_run:
        return "the gateway was restarted"
    if not finding.answered_since:
        return "the gateway sent the same model no other request"
    count = len(finding.answered_since)
    others = "one other request" if count == 1 else f"{count} other requests, the last of them"
    return f"the same model answered {others}: {finding.answered_since[-1]}"


def _cost(record: ExchangeRecord, finding: Finding) -> str:
    """Return how much evaluation the earlier prompt could have saved; the seconds are in proportion to the tokens."""
    usage, earlier = record.usage, finding.previous_tokens
    if not finding.is_same_conversation and finding.cause != "engine_lost_it":
        return ""
    if earlier is None or usage.input_tokens is None or usage.cached_tokens is None:
        return ""
    could_be_found = earlier if finding.is_same_conversation else (finding.common_tokens or earlier)
    again = min(could_be_found, usage.input_tokens) - usage.cached_tokens
    evaluated = usage.input_tokens - usage.cached_tokens
    if again <= 0:
        return ""
    would = (
        "had been evaluated before"
        if finding.cause == "engine_lost_it"
        else "would have been in the cache if nothing had changed"
    )
    text = f"{again:,} of the {evaluated:,} evaluated tokens {would}"
    if usage.prefill_seconds is None:
        return text
    share = usage.prefill_seconds * again / evaluated
    return f"{text}: about {seconds(share)} of {seconds(usage.prefill_seconds)}, if each took equally long"
