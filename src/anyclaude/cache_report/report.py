"""Put into words why a turn took as long as it did: from its record, and from what was found out about its prompt."""

from datetime import datetime

from msgspec import Struct

from anyclaude.exchange.record import ExchangeRecord

from .advice import advice_for
from .findings import Cause, DifferenceLocation, Finding

SHOWN_OF_ID = 12
"""As much of an id as tells it from others, and is enough to ask for it."""

HEADLINES: dict[Cause, str] = {
    "nothing_lost": "Nothing was lost: the engine found what it had read before, and evaluated only what is new.",
    "first_request": "There was no earlier prompt to compare with: all of it is new to the engine.",
    "first_turn": "This is the first turn of its conversation.",
    "model_changed": "Another model answered than before.",
    "system_changed": "The system prompt changed.",
    "tools_changed": "The tools changed.",
    "messages_changed": "An earlier message changed.",
    "engine_lost_it": "The prompts agree, and the engine lost what it had read.",
    "not_reported": "The prompt goes on from the last one; this server does not say what it found of it.",
}


class Line(Struct, frozen=True):
    """One line, or paragraph; `style` is rich's, for terminals."""

    label: str
    text: str
    style: str = ""


def explained(record: ExchangeRecord, finding: Finding | None, compared: ExchangeRecord | None) -> list[Line]:
    """Return the explanation; `compared` is the record of the exchange that this one was compared with."""
    lines = [Line("", _heading(record), "bold"), Line("", _counts(record))]
    if record.outcome == "client_left":
        lines.append(Line("", "The client left before the reply had ended.", "red"))
    if record.error is not None:
        lines.append(Line("", f"It {record.outcome.replace('_', ' ')}: {record.error.message}", "red"))
    if finding is None:
        return [
            *lines,
            Line(
                "",
                "Nothing was found out about its prompt: no reply had begun, too many ended at once, or it is too old.",
            ),
        ]
    is_healthy = finding.cause == "nothing_lost"
    lines.append(Line("", _headline(finding), "green" if is_healthy else "yellow"))
    if is_healthy or finding.compared_with is None:
        return lines
    lines.append(Line("compared with", _compared(finding, compared)))
    if finding.cause == "model_changed":
        lines.append(Line("model", f"{finding.previous_route} before, {record.route} now"))
    if finding.place is not None:
        lines += _difference(record, finding, finding.place)
    if finding.cause == "engine_lost_it":
        lines.append(Line("since then", _meanwhile(finding)))
    if cost := _cost(record, finding):
        lines.append(Line("cost", cost))
    return [*lines, Line("avoided by", advice_for(finding, record), "cyan")]


def short(identifier: str) -> str:
    """Return as much of an id as it takes."""
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
    return f"{record.request_id} · {when(record)} · {part}{session} · {record.route or 'no model was asked'}"


def _headline(finding: Finding) -> str:
    if finding.cause == "engine_lost_it" and not finding.is_same_conversation:
        return "This is the first turn of its conversation, and the engine lost what it shares with an earlier one."
    return HEADLINES[finding.cause]


def _counts(record: ExchangeRecord) -> str:
    usage, first = record.usage, record.durations.first_token
    began = f" The reply began after {seconds(first)}." if first is not None else ""
    if usage.input_tokens is None:
        return f"The engine did not count its prompt.{began}"
    if usage.cached_tokens is None:
        return f"Prompt: {usage.input_tokens:,} tokens; the engine does not say how many of them it had.{began}"
    taken = f" in {seconds(usage.prefill_seconds)}" if usage.prefill_seconds is not None else ""
    evaluated = usage.input_tokens - usage.cached_tokens
    return (
        f"Prompt: {usage.input_tokens:,} tokens, {usage.cached_tokens:,} of them found in the cache, "
        f"{evaluated:,} evaluated{taken} (the engine's own count).{began}"
    )


def _compared(finding: Finding, compared: ExchangeRecord | None) -> str:
    relation = "the previous one of this conversation" if finding.is_same_conversation else "which shares most with it"
    moment = "" if compared is None else f" of {when(compared)}"
    return f"{finding.compared_with}{moment}, {relation}"


def _difference(record: ExchangeRecord, finding: Finding, place: DifferenceLocation) -> list[Line]:
    lines = [Line("first difference", f"{_token(record, finding, place)}: {_where(place)}")]
    if (excerpt := finding.excerpt) is not None:
        lines.append(Line("  before", _quoted(excerpt.was), "red"))
        lines.append(Line("  now", _quoted(excerpt.now), "green"))
    cached, common = record.usage.cached_tokens, finding.common_tokens
    if cached is not None and common is not None and common - cached > max(cached, 1) and common > cached:
        had = f"only {cached:,}" if cached else "none"
        lines.append(Line("", f"Before it the prompts agree, and the engine had {had} of these tokens."))
    return lines


def _token(record: ExchangeRecord, finding: Finding, place: DifferenceLocation) -> str:
    if finding.common_tokens is not None:
        return f"token {finding.common_tokens + 1:,} (by the engine's tokenizer)"
    if record.usage.input_tokens is None:
        return f"character {place.characters + 1:,} of {place.of_characters:,}"
    estimate = round(record.usage.input_tokens * place.characters / max(place.of_characters, 1))
    return f"about token {estimate + 1:,} (estimated from {place.characters:,} of {place.of_characters:,} characters)"


def _where(place: DifferenceLocation) -> str:
    match place.section:
        case "tools":
            return f"tool {place.number}, {place.name}, was {place.change}"
        case "system":
            return f"the system prompt was {place.change}"
        case "messages":
            return f"message {place.number}, of role {place.name}, was {place.change}"


def _quoted(text: str) -> str:
    """Show an excerpt in one line, with what has no width of its own written out."""
    if not text:
        return "(nothing)"
    return "…" + "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text) + "…"


def _meanwhile(finding: Finding) -> str:
    if finding.is_from_an_earlier_run:
        return "the gateway was started anew"
    if not finding.answered_since:
        return "the gateway asked the same model nothing else"
    count = len(finding.answered_since)
    others = "one other request" if count == 1 else f"{count} other requests"
    return f"the same model answered {others}, at last {finding.answered_since[-1]}"


def _cost(record: ExchangeRecord, finding: Finding) -> str:
    """Return how much of the evaluation the earlier prompt could have saved; the seconds are shared out by tokens."""
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
        "had been read before" if finding.cause == "engine_lost_it" else "would have been found if nothing had changed"
    )
    text = f"{again:,} of the {evaluated:,} evaluated tokens {would}"
    if usage.prefill_seconds is None:
        return text
    share = usage.prefill_seconds * again / evaluated
    return f"{text}: about {seconds(share)} of {seconds(usage.prefill_seconds)}, if all took equally long"
