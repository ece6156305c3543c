"""
Decode a server's errors: its own message, with the status and kind on which the client acts.

Three messages are translated, because the client acts on their wording alone: a prompt over the context window becomes
`prompt is too long: A tokens > B maximum`, on which the client compacts the conversation, a prompt that leaves too
little room for the reply becomes the sentence on which it asks again for a shorter one, and a refused picture becomes
the sentence on which it takes the picture out of the conversation.  Every other message stays as the server wrote it.
"""

import re

from msgspec import Struct

from anyclaude.errors import BackendRejected, BadSample
from anyclaude.profiles import BackendProfile, error_wordings
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json, encode_json
from anyclaude.shown_text import shown

from .image_refusals import is_about_images
from .overflow import Figures, too_long

MAX_MESSAGE_CHARACTERS = 2_000
"""The part of a message that is judged, and that the client gets: enough for a validation error, not for an echoed
prompt."""

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

LATER = frozenset({202, 425})
"""Other statuses with which a server says that its model is not loaded yet."""

NEVER_OVERFLOW = frozenset({401, 402, 403, 404, 429})
MAY_BE_OVERFLOW = frozenset({400, 413, 422, 500})
"""The statuses with which servers refuse a prompt for its length, without or with words."""

LACK_OF_MODEL = frozenset({400, 404, 422, 500, 503})
"""The statuses with which servers refuse a model that they do not have."""

MAX_TEXT_CHARACTERS = 64 * 1024
"""The part of an error without JSON that is read: what is longer is no error, or repeats what was sent."""

MARKUP = re.compile(r"<(style|script)\b.*?(?:</\1>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE)
"""Also a script without an end, which is all of the rest: else each of its beginnings would be followed to the end."""

MAX_PAGE_BYTES = 16 * 1024
MAX_PAGE_CHARACTERS = 300
"""The part of a web page that is read, and of its text: the title comes first, then the heading and the reason."""

WRAPPERS = ("error", "errors", "detail", "base_resp", "fault", "response")
"""Where servers put the object with the words: OpenAI, FastAPI, MiniMax, Apigee, and Responses (`response.failed`)."""

MESSAGE_FIELDS = (
    "message",
    "error",
    "detail",
    "msg",
    "errors",
    "status_msg",
    "error_message",
    "error_msg",
    "errorMessage",
    "Message",
    "faultstring",
    "error_description",  # RFC 6749
    "errmsg",
    "err_msg",
    "reason",
    "title",
)
"""Where servers put the words; `title` is the short form of a problem (RFC 9457), which has a `detail` as well."""

CODE_FIELDS = ("code", "status_code", "status", "http_code")
NO_ERROR = (0, 200, "0", "200")
TYPE_FIELDS = ("type", "code", "status", "__type")

NAMED_STATUSES = {
    "invalid_request": 400,
    "invalid_argument": 400,
    "bad_request": 400,
    "badrequest": 400,
    "invalid_api_key": 401,
    "authentication": 401,
    "unauthorized": 401,
    "permission": 403,
    "not_found": 404,
    "notfound": 404,
}
"""What the type of an error without a status says: OpenAI, vLLM (`BadRequestError`), Google (`INVALID_ARGUMENT`)."""

WORD = re.compile(r"[^\W\d_]{2}")
"""A text with none of these says nothing."""


class ErrorContent(Struct, frozen=True):
    """The content of an error, in any of the usual shapes."""

    message: str
    type: str = ""
    param: str = ""
    """The field that is refused (OpenAI, Volcengine); the words need not name it."""
    code: int | None = None
    """The status in the error, if it is one of HTTP's."""
    prompt_tokens: int | None = None
    context_tokens: int | None = None
    has_words: bool = True
    """Whether the message is the server's, and not the JSON in which none was found."""


def rejection(status: int, body: bytes, retry_after_seconds: float | None, profile: BackendProfile) -> BackendRejected:
    """Return the error for a reply with an error status; `profile` names the variable that holds the key."""
    content = _content_of_body(body)
    if status in (401, 403):
        return BackendRejected(_key_refused(status, content, profile), status, KINDS[status])
    if status in LATER and content.has_words:
        return _rejected(503, content, retry_after_seconds)
    if not 400 <= status <= 599:
        error = BackendRejected(
            f"the backend answered with HTTP status {status}; is its address right?", 502, "api_error"
        )
        error.is_transient = False  # a redirect would affect the next request too
        return error
    return _rejected(status, content, retry_after_seconds)


def rejection_in(raw: JsonObject) -> BackendRejected | None:
    """Return the error that a chunk carries instead of a reply, `None` if it carries a reply, or nothing to read."""
    if not _is_error(raw):
        return None
    content = _content_of(raw)
    return _rejected(_status_of(content, otherwise=500), content, None, is_in_stream=True)


def rejection_of_event(data: bytes) -> BackendRejected:
    """Return the error in the data of an `error` event."""
    content = _content_of_body(data)
    return _rejected(_status_of(content, otherwise=500), content, None, is_in_stream=True)


def rejection_of_body(data: bytes) -> BackendRejected | None:
    """
    Return the refusal in a body that was sent under status 200 and is no reply, `None` if it says nothing.

    Its status is the one in the body, else 400: the server works, and would answer the same again.
    """
    content = _content_of_body(data)
    if not content.has_words:
        return None
    error = _rejected(_status_of(content, otherwise=400), content, None, is_in_stream=True)
    error.is_transient = error.status in (429, 529)
    return error


def _status_of(content: ErrorContent, otherwise: int) -> int:
    """Return the status of an error that was sent without one: its own code, or what its words say."""
    if content.code is not None:
        return content.code
    if error_wordings.RATE_LIMITED.search(content.message):
        return 429
    if named := next((status for word, status in NAMED_STATUSES.items() if word in content.type.lower()), None):
        return named
    return 529 if error_wordings.NOT_READY.search(content.message) else otherwise


def _rejected(
    status: int, content: ErrorContent, retry_after_seconds: float | None, *, is_in_stream: bool = False
) -> BackendRejected:
    words = content.message
    message = words or f"the backend answered with HTTP status {status} and no message"
    text = error_wordings.POSSIBLE_SECRET.sub("…", message) if status in (401, 403) else message
    if error_wordings.is_bad_sample(f"{content.type} {words}", is_servers_fault=is_in_stream or status >= 500):
        return BadSample(text, status, _kind(status))
    overflow = "none" if status in NEVER_OVERFLOW else error_wordings.overflow(words, content.type)
    if overflow == "certain":
        sentence = too_long(message, Figures(content.prompt_tokens, content.context_tokens))
        error = BackendRejected(sentence[:MAX_MESSAGE_CHARACTERS], 400, _kind(400))
        error.is_too_long = True
        return error
    if status != 429 and is_about_images(message):
        return BackendRejected(
            f"{IMAGE_REFUSED} (the server says: {message})"[:MAX_MESSAGE_CHARACTERS], 400, _kind(400)
        )
    if status == 503 and error_wordings.STILL_STARTING.search(message):
        status = 529  # transient: the client waits and asks again
    error = BackendRejected(text, status, _kind(status), retry_after_seconds)
    error.may_be_too_long = overflow == "possible" and status in MAY_BE_OVERFLOW
    error.param, error.code = content.param, content.type
    error.lacks_model = bool(status in LACK_OF_MODEL and error_wordings.LACKS_MODEL.search(f"{content.type} {words}"))
    return error


def _kind(status: int) -> str:
    return KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")


def _key_refused(status: int, content: ErrorContent, profile: BackendProfile) -> str:
    variable = profile.api_key_variable
    advice = (
        f"Set {variable} to a key it accepts."
        if variable
        else "The key is the gateway's own: does another server listen there?"
    )
    reason = error_wordings.POSSIBLE_SECRET.sub("…", content.message)[: MAX_MESSAGE_CHARACTERS // 2]
    return (
        f"{profile.title} (not the gateway) refused the key it was sent, with HTTP status {status}: "
        f"{reason or 'it gave no reason'}. {advice}"
    )


def _content_of_body(body: bytes) -> ErrorContent:
    try:
        return _content_of(decode_json(body))
    except JsonError:
        text = _plain_text(shown(body.decode("utf-8", errors="replace")))
        return ErrorContent(text[:MAX_MESSAGE_CHARACTERS], has_words=bool(WORD.search(text)) and "\ufffd" not in text)


def _content_of(raw: JsonValue) -> ErrorContent:
    """Return the content of an error in any of the shapes that `_inner_error` and `_message_in` know."""
    raw = _inner_error(raw)
    if not isinstance(raw, dict):
        text = raw if isinstance(raw, str) else ""
        return ErrorContent(shown(text or _as_text(raw))[:MAX_MESSAGE_CHARACTERS], has_words=bool(WORD.search(text)))
    words = _message_in(raw)
    codes = [code for name in CODE_FIELDS if (code := _integer(raw.get(name))) is not None]
    return ErrorContent(
        shown(words or _as_text(raw))[:MAX_MESSAGE_CHARACTERS],
        shown(" ".join(word for name in TYPE_FIELDS if isinstance(word := raw.get(name), str)))[
            :MAX_MESSAGE_CHARACTERS
        ],
        shown(param) if isinstance(param := raw.get("param"), str) else "",
        next((code for code in codes if 400 <= code <= 599), None),
        _integer(raw.get("n_prompt_tokens")),
        _integer(raw.get("n_ctx")),
        has_words=bool(words) and not any(code in NO_ERROR for code in codes[:1]),
    )


def _inner_error(raw: JsonValue) -> JsonValue:
    """Return the object with the words: the error of an error, the first of a list, FastAPI's or MiniMax's part."""
    while True:
        if isinstance(raw, list) and len(raw) == 1:  # Gemini
            raw = raw[0]
            continue
        if not isinstance(raw, dict):
            return raw
        inner = next((part for name in WRAPPERS if isinstance(part := raw.get(name), dict)), None)
        if inner is None:
            return raw
        raw = {**{name: raw[name] for name in CODE_FIELDS if name in raw}, **inner}


def _is_error(raw: JsonObject) -> bool:
    """Return whether a chunk is marked as an error; a chunk without a reply may also be a sign of life."""
    if _says_something(raw.get("error")) or _says_something(raw.get("errors")):
        return True
    if raw.get("choices"):
        return False
    status = raw.get("base_resp")
    return (
        (raw.get("object") == "error" and "choices" not in raw)
        or bool(raw.get("detail"))
        or (isinstance(status, dict) and bool(status.get("status_code")))
        or (raw.get("code") not in (None, "", *NO_ERROR) and bool(_message_in(raw)))
    )


def _says_something(raw: JsonValue) -> bool:
    """Return whether an error is one: some servers send the object with nothing in it in every chunk."""
    if isinstance(raw, dict):
        return any(map(_says_something, raw.values()))
    return bool(raw) and raw not in NO_ERROR


def _as_text(raw: JsonValue) -> str:
    """Return the JSON of an error without a message, unless it is empty."""
    return encode_json(raw).decode() if raw else ""


def _message_in(raw: JsonObject) -> str:
    for name in MESSAGE_FIELDS:
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
    raw_error = metadata.get("raw") if isinstance(metadata, dict) else None
    inner = _inner_error(raw_error)
    message = _message_in(inner) if isinstance(inner, dict) else inner
    return f": {message}" if isinstance(message, str) and message else ""


def _problem(problem: JsonValue) -> str:
    """Return one of several errors: its location if it is FastAPI's, and its message."""
    if not isinstance(problem, dict) or not (message := _message_in(problem)):
        return problem if isinstance(problem, str) else encode_json(problem).decode()
    location = problem.get("loc")
    where = ".".join(str(step) for step in location) if isinstance(location, list) else ""
    return f"{where}: {message}" if where else message


def _plain_text(body: str) -> str:
    """Return the beginning of a text, without the markup if it is a page of HTML."""
    body = body.lstrip()[:MAX_TEXT_CHARACTERS]
    if not body.startswith("<"):
        return " ".join(body.split())
    return " ".join(MARKUP.sub(" ", body[:MAX_PAGE_BYTES]).split())[:MAX_PAGE_CHARACTERS]


def _integer(value: JsonValue) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
