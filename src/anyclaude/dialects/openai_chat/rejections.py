"""
Decode a server's errors: its own message, with the status and kind on which the client acts.

Three messages are translated, because the client acts on their wording alone: a prompt over the context window becomes
`prompt is too long: A tokens > B maximum`, on which the client compacts the conversation, a prompt that leaves too
little room for the reply becomes the sentence on which it asks again for a shorter one, and a refused picture becomes
the sentence on which it takes the picture out of the conversation.  Every other message stays as the server wrote it.
"""

import re

from msgspec import Struct

from anyclaude.errors import BackendRejected
from anyclaude.profiles import BackendProfile, error_wordings
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json, encode_json

from .image_refusals import is_about_images

MAX_MESSAGE_CHARACTERS = 2_000
"""The part of a message that the client gets: enough for a validation error, not for an echoed prompt."""

MIN_REPLY_TOKENS = 4_096
"""With less room for a reply the conversation must be compacted.  The client would ask again for the rest of the window
less 1,000 tokens (Claude Code 2.1.330), and fewer than 3,000 do not hold a file edit."""

IMAGE_REFUSED = "Could not process image"
"""On these words Claude Code (2.1.330) puts a text in place of the latest picture, tells the model, and asks again.  On
others it repeats the picture in every later request, and each is refused."""

KINDS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The Anthropic error type of a status (docs: Errors); other 4xx are invalid_request_error, other 5xx api_error."""


class Refusal(Struct, frozen=True):
    """The content of an error, in any of the usual shapes."""

    message: str
    type: str = ""
    code: int | None = None
    prompt_tokens: int | None = None
    context_tokens: int | None = None


def rejection(status: int, body: bytes, retry_after_seconds: float | None, profile: BackendProfile) -> BackendRejected:
    """Return the error for a reply with an error status; `profile` names the variable that holds the key."""
    refusal = _refusal_in_body(body)
    if status in (401, 403):
        return BackendRejected(_key_refused(status, refusal, profile), status, KINDS[status])
    if not 400 <= status <= 599:
        error = BackendRejected(
            f"the backend answered with HTTP status {status}; is its address right?", 502, "api_error"
        )
        error.is_transient = False  # a redirect would affect the next request too
        return error
    return _rejected(status, refusal, retry_after_seconds)


def rejection_in(raw: JsonObject) -> BackendRejected | None:
    """Return the error that a chunk carries instead of a reply, `None` if it carries a reply."""
    if not raw.get("error") and ("choices" in raw or raw.get("object") != "error"):
        return None
    refusal = _refusal_in(raw)
    code = refusal.code
    return _rejected(code if code is not None and 400 <= code <= 599 else 500, refusal, None)


def rejection_of_event(data: bytes) -> BackendRejected:
    """Return the error in the data of an `error` event."""
    refusal = _refusal_in_body(data)
    code = refusal.code
    return _rejected(code if code is not None and 400 <= code <= 599 else 500, refusal, None)


def _rejected(status: int, refusal: Refusal, retry_after_seconds: float | None) -> BackendRejected:
    message = refusal.message or f"the backend answered with HTTP status {status} and no message"
    if status != 429 and error_wordings.PROMPT_TOO_LONG.search(f"{refusal.type} {message}"):
        return BackendRejected(
            _too_long_message(refusal, message)[:MAX_MESSAGE_CHARACTERS], 400, "invalid_request_error"
        )
    if status != 429 and is_about_images(message):
        return BackendRejected(
            f"{IMAGE_REFUSED} (the server says: {message})"[:MAX_MESSAGE_CHARACTERS], 400, "invalid_request_error"
        )
    if status == 503 and error_wordings.STILL_STARTING.search(message):
        status = 529  # transient: the client waits and asks again
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    return BackendRejected(message[:MAX_MESSAGE_CHARACTERS], status, kind, retry_after_seconds)


def _too_long_message(refusal: Refusal, message: str) -> str:
    """Return the sentence on which the client compacts the conversation, or asks for a shorter reply."""
    limit = refusal.context_tokens or _first_number(error_wordings.CONTEXT_LIMIT, message)
    prompt = refusal.prompt_tokens or _first_number(error_wordings.PROMPT_TOKENS, message)
    reply = _first_number((error_wordings.REPLY_TOKENS,), message) or 0
    if limit is None or prompt is None:
        return f"prompt is too long (the server says: {message})"
    if prompt + MIN_REPLY_TOKENS <= limit and reply and "at least" not in message:
        return f"input length and `max_tokens` exceed context limit: {prompt} + {reply} > {limit}"
    requested = prompt if prompt > limit else prompt + reply
    if requested <= limit:
        return f"prompt is too long (the server says: {message})"
    return f"prompt is too long: {requested} tokens > {limit} maximum (the server says: {message})"


def _first_number(patterns: tuple[re.Pattern[str], ...], message: str) -> int | None:
    for pattern in patterns:
        if found := pattern.search(message):
            return int(next(group for group in found.groups() if group)[:15])
    return None


def _key_refused(status: int, refusal: Refusal, profile: BackendProfile) -> str:
    variable = profile.api_key_variable
    advice = (
        f"Set {variable} to a key it accepts."
        if variable
        else "The key is the gateway's own: does another server listen there?"
    )
    reason = error_wordings.POSSIBLE_SECRET.sub("…", refusal.message)[: MAX_MESSAGE_CHARACTERS // 2]
    return (
        f"{profile.title} (not the gateway) refused the key it was sent, with HTTP status {status}: "
        f"{reason or 'it gave no reason'}. {advice}"
    )


def _refusal_in_body(body: bytes) -> Refusal:
    try:
        return _refusal_in(decode_json(body))
    except JsonError:
        return Refusal(_plain_text(body.decode("utf-8", errors="replace")))


def _refusal_in(raw: JsonValue) -> Refusal:
    """Return the content of an error in OpenAI's, llama.cpp's, vLLM's, Ollama's or FastAPI's shape."""
    while isinstance(raw, dict) and isinstance(raw.get("error"), dict):
        raw = raw["error"]
    if not isinstance(raw, dict):
        return Refusal(raw if isinstance(raw, str) else _as_text(raw))
    return Refusal(
        _message_in(raw) or _as_text(raw),
        " ".join(word for word in (raw.get("type"), raw.get("code")) if isinstance(word, str)),
        _integer(raw.get("code")) or _integer(raw.get("status_code")) or _integer(raw.get("status")),
        _integer(raw.get("n_prompt_tokens")),
        _integer(raw.get("n_ctx")),
    )


def _as_text(raw: JsonValue) -> str:
    """Return the JSON of an error without a message, unless it is empty."""
    return encode_json(raw).decode() if raw else ""


def _message_in(raw: JsonObject) -> str:
    for name in ("message", "error", "detail", "msg"):
        match raw.get(name):
            case str(text) if text:
                return text + _upstream_message(raw)
            case list(problems) if problems:
                return "; ".join(_problem(problem) for problem in problems)
            case _:
                pass
    return ""


def _upstream_message(raw: JsonObject) -> str:
    """Return the provider's message that OpenRouter passes on; its own message then has no information."""
    metadata = raw.get("metadata")
    message = metadata.get("raw") if isinstance(metadata, dict) else None
    return f": {message}" if isinstance(message, str) else ""


def _problem(problem: JsonValue) -> str:
    """Return one of FastAPI's validation errors: its location, and its message."""
    if not isinstance(problem, dict) or not isinstance(problem.get("msg"), str):
        return encode_json(problem).decode()
    location = problem.get("loc")
    where = ".".join(str(step) for step in location) if isinstance(location, list) else ""
    return f"{where}: {problem['msg']}" if where else str(problem["msg"])


def _plain_text(body: str) -> str:
    """Return the text without the markup, if it is a page of HTML."""
    if "<" in body:
        body = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", body[: 64 * 1024], flags=re.DOTALL | re.IGNORECASE)
    return " ".join(body.split())


def _integer(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
