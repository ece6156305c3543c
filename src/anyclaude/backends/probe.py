"""Ask a server one small question, and recognise what stands in the way if it does not answer it."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from http.client import BadStatusLine, RemoteDisconnected
from typing import Literal, TypeAlias

from msgspec.structs import replace

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError, BackendTimeout
from anyclaude.network import ServerAddress
from anyclaude.protocol.json_values import JsonError, decode_lenient_json
from anyclaude.worker_threads import in_daemon_thread

from .base import Backend
from .model_list import entries_in
from .obstacle import Obstacle, Reason, obstacle, words_of
from .query import QueryReply, query
from .stdlib_backend import StdlibBackend
from .target import BackendTarget
from .tls import why_untrusted

MODELS = WireRequest("/models", accept="*/*", method="GET")
"""The question that every server with Chat Completions answers."""

PROTOCOL_SECONDS = 2.0
"""A server shows with its first bytes whether it speaks TLS."""

PLAIN_BEGIN = b"HTTP/"

LOADING = re.compile(
    rb"(?!.*(fail|unable|cannot|could not|error (?:load|start|initial)|terminated|crashed|exited|out of memory))"
    rb".*\b(loading|warming up|starting|initiali[sz]ing|not ready|too early)\b",
    re.IGNORECASE | re.DOTALL,
)
"""llama.cpp answers 503 `Loading model` to every route until its model is loaded (b11669); others have other words."""

REASONS: Mapping[int, Reason] = {
    301: "redirect",
    302: "redirect",
    303: "redirect",
    307: "redirect",
    308: "redirect",
    401: "key",
    403: "key",
    404: "not_found",
    405: "not_found",
    407: "proxy",
    410: "not_found",
    501: "not_found",
}
"""What a status means; the others are errors."""

MAY_BE_LOADING = frozenset({202, 425, 500, 503})

KEY_REFUSED = re.compile(
    r"\b(unauthori[sz]ed|authenticat\w+|api[ _-]?keys?|token|forbidden)\b|密钥|令牌", re.IGNORECASE
)
NO_SUCH_ROUTE = re.compile(
    r"\b(unexpected endpoint|not found|no route|no such (path|route)|unknown (path|route|url))", re.IGNORECASE
)
"""LM Studio answers a route that it does not have with status 200 and `Unexpected endpoint or method`."""

LM_STUDIO_LIST = b'"loaded_instances"'
"""In the list of LM Studio's own API, below which there are no Chat Completions (docs: REST API v1)."""

PLAIN_REASONS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
"""What OpenSSL says of a server whose first bytes are no TLS."""

TUNNEL_REFUSED = "Tunnel connection failed"
"""How the standard library says that a proxy does not connect to the server (`http.client`)."""

TLS_ALERT = "\x15\x03"
"""How an alert of TLS begins: the answer of OpenSSL to plain HTTP."""

WANTS_TLS = re.compile(rb"\bHTTPS\b")
"""What nginx and Go answer to plain HTTP on a port for TLS, with status 400."""


Identity: TypeAlias = Literal["yes", "no", "loading", "locked"]
"""Whether a server is of a kind; `locked` is one that wants a key before it says."""


async def probe(backend: Backend, request: WireRequest, within_seconds: float) -> QueryReply | Obstacle:
    """
    Return the reply with status 200 that is no web page, else what stands in the way.

    For `MODELS`, which every server answers, what would mend it is looked for too: another protocol, another path.
    """
    target = backend.target
    try:
        reply = await query(backend, request, within_seconds)
    except BackendError as error:
        reason, detail = _silence(error)
        if reason in {"unreachable", "timeout"} and request == MODELS:
            reason = await _other_protocol(target, within_seconds) or reason
        return obstacle(target, reason, detail or f"within {within_seconds:g} s")
    found = _obstacle_in(reply, request, target)
    if found is not None and found.reason in {"not_found", "web_page"} and request == MODELS:
        return await _found_elsewhere(target, within_seconds) or found
    return found or reply


async def identify(backend: Backend, within_seconds: float) -> Identity:
    """Return whether the server is of the kind that its target's profile describes."""
    profile = backend.target.profile
    if profile.identity_path is None:
        return "no"
    answer = await probe(backend, _get(profile.identity_path), within_seconds)
    if isinstance(answer, QueryReply):
        return "yes" if profile.identity_marker.encode() in answer.body else "no"
    if answer.reason != "key":
        return "loading" if answer.reason == "loading" else "no"
    if profile.identity_owner:
        listed = await probe(backend, MODELS, within_seconds)
        if isinstance(listed, QueryReply) and f'"{profile.identity_owner}"'.encode() in listed.body:
            return "yes"
    return "locked"


OWN_MARKER = b'"service":"anyclaude"'
"""What `GET /health` of a gateway like this one says (`server/health.py`)."""


async def is_own_gateway(backend: Backend, within_seconds: float) -> bool:
    """Return whether the server is a gateway like this one, which serves no Chat Completions."""
    answer = await probe(backend, _get("/health"), within_seconds)
    return isinstance(answer, QueryReply) and OWN_MARKER in answer.body


async def first_obstacle(backend: Backend, within_seconds: float) -> Obstacle | None:
    """
    Return what keeps a server of a known kind from being used, `None` if nothing does.

    llama.cpp lists its models to anyone, so whether it takes the key shows only where it describes itself.
    """
    listed = await probe(backend, MODELS, within_seconds)
    obstacle_of_list = listed if isinstance(listed, Obstacle) else None
    path = backend.target.profile.identity_path
    if path is None or (obstacle_of_list is not None and obstacle_of_list.reason != "not_found"):
        return obstacle_of_list
    described = await probe(backend, _get(path), within_seconds)
    if isinstance(described, Obstacle) and described.reason in {"key", "loading"}:
        return described
    return obstacle_of_list


async def _found_elsewhere(target: BackendTarget, within_seconds: float) -> Obstacle | None:
    """Return the obstacle of a wrong path, if the same server lists its models below another one."""
    for other in target.endpoint.others():
        try:
            reply = await query(StdlibBackend(replace(target, base_url=other.written)), MODELS, within_seconds)
        except BackendError:
            continue
        if reply.is_ok and _obstacle_in(reply, MODELS, target) is None:
            return obstacle(target, "wrong_path", other.shown)
    return None


def _get(path: str) -> WireRequest:
    return WireRequest(path, accept="*/*", at_root=True, method="GET")


def _obstacle_in(reply: QueryReply, request: WireRequest, target: BackendTarget) -> Obstacle | None:
    """Return what a reply is instead of an answer, `None` for an answer."""
    reason = _reason_under_success(reply, request) if reply.is_ok else _reason_of_status(reply, target)
    if reason is None:
        return None
    found = obstacle(target, reason, _detail(reason, reply, request))
    return replace(found, is_web_page=_is_web_page(reply), status=reply.status)


def _reason_of_status(reply: QueryReply, target: BackendTarget) -> Reason:
    if reply.status in MAY_BE_LOADING and LOADING.match(reply.body):
        return "loading"
    if reply.status == 400 and target.endpoint.scheme == "http" and WANTS_TLS.search(reply.body):
        return "speaks_tls"
    if reply.status == 403 and _is_web_page(reply):
        return "web_page"  # of something before the server, which does not ask for a key
    return REASONS.get(reply.status, "error")


def _detail(reason: Reason, reply: QueryReply, request: WireRequest) -> str:
    words = words_of(reply.body)
    match reason:
        case "redirect":
            return _destination(reply.location, request)
        case "not_found":
            return request.path.partition("?")[0] + (f" ({words})" if words else "")
        case "key" | "proxy" | "error":
            return f"HTTP {reply.status}" + (f": {words}" if words else "")
        case _:
            return words


def _reason_under_success(reply: QueryReply, request: WireRequest) -> Reason | None:
    """Return what a reply is that says something else under a status of success, `None` for an answer."""
    if _is_web_page(reply):
        return "web_page"
    if request != MODELS:
        return None
    try:
        document = decode_lenient_json(reply.body)
    except JsonError:
        document = None
    if entries_in(document):
        return "not_found" if LM_STUDIO_LIST in reply.body else None
    if LOADING.match(reply.body):
        return "loading"
    words = words_of(reply.body)
    if not words:
        return None
    if KEY_REFUSED.search(words):
        return "key"
    return "not_found" if NO_SUCH_ROUTE.search(words) else "error"


def _is_web_page(reply: QueryReply) -> bool:
    begin = reply.body.lstrip()[:1]
    return begin == b"<" or ("html" in reply.content_type and begin not in {b"{", b"["})


def _destination(location: str | None, request: WireRequest) -> str:
    """Return where a redirection leads, as an address of a server, without what may be secret in it."""
    text = words_of((location or "").partition("?")[0].encode(errors="replace"))
    scheme, mark, rest = text.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}".removesuffix(request.path) or "somewhere else"


def _silence(error: BackendError) -> tuple[Reason, str]:
    """Return why there is no reply, and what the operating system or the other side said."""
    if isinstance(error, BackendTimeout):
        return "timeout", ""
    for cause in _causes(error.__cause__):
        if TUNNEL_REFUSED in str(cause):
            return "proxy", words_of(str(cause).partition(TUNNEL_REFUSED)[2].strip(": ").encode(errors="replace"))
        match cause:
            case ssl.SSLCertVerificationError():
                return "certificate", why_untrusted(cause)
            case ssl.SSLError(reason=reason) if reason in PLAIN_REASONS:
                return "speaks_plain", ""
            case ssl.SSLError():
                return _failed_handshake(cause)
            case socket.gaierror():
                return "unknown_name", ""
            case ConnectionRefusedError() | FileNotFoundError():
                return "refused", ""
            case BadStatusLine() if not isinstance(cause, RemoteDisconnected):
                return ("speaks_tls" if TLS_ALERT in str(cause) else "not_http"), ""
    return "unreachable", words_of(str(error.__cause__ or error).encode(errors="replace"))


def _failed_handshake(error: ssl.SSLError) -> tuple[Reason, str]:
    if isinstance(error, ssl.SSLEOFError):
        return "unreachable", "it closed the connection during the handshake of TLS"
    return "error", f"TLS: {error.reason}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


async def _other_protocol(target: BackendTarget, within_seconds: float) -> Reason | None:
    """Return that a silent server speaks TLS where it was spoken to in plain, or the other way round."""
    endpoint = target.endpoint
    if endpoint.socket_path is not None or target.way.proxy is not None:
        return None
    seconds = min(PROTOCOL_SECONDS, within_seconds)
    if endpoint.scheme == "https":
        return "speaks_plain" if await in_daemon_thread(lambda: _answers_plainly(endpoint, seconds)) else None
    return "speaks_tls" if await in_daemon_thread(lambda: _shakes_hands(endpoint, seconds)) else None


def _answers_plainly(endpoint: ServerAddress, seconds: float) -> bool:
    try:
        with socket.create_connection((endpoint.host, endpoint.port_number), seconds) as connection:
            connection.sendall(f"HEAD / HTTP/1.1\r\nHost: {endpoint.host_and_port}\r\n\r\n".encode())
            begin = connection.recv(len(PLAIN_BEGIN))
    except OSError:
        return False
    return begin.startswith(PLAIN_BEGIN)


def _shakes_hands(endpoint: ServerAddress, seconds: float) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent
    try:
        with socket.create_connection((endpoint.host, endpoint.port_number), seconds) as connection:
            context.wrap_socket(connection, server_hostname=endpoint.host).close()
    except OSError:
        return False
    return True
