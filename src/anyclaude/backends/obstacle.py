"""
What stands in the way of using a server, and how it is said to the user.

Every obstacle has one reason of a small set, and one sentence: what is wrong, and how to fix it.  Only silence is
called "does not answer".
"""

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from anyclaude.protocol.json_values import JsonError, JsonValue, decode_lenient_json
from anyclaude.shown_text import shown_line

from .target import BackendTarget

Reason: TypeAlias = Literal[
    "refused",
    "unknown_name",
    "timeout",
    "unreachable",
    "certificate",
    "speaks_plain",
    "speaks_tls",
    "not_http",
    "proxy",
    "key",
    "loading",
    "redirect",
    "not_found",
    "wrong_path",
    "web_page",
    "error",
]
"""Why a server does not answer a question: silence (the first four), another protocol, or what it answered instead."""

SILENT: frozenset[Reason] = frozenset({"refused", "unknown_name", "timeout", "unreachable"})
"""The reasons that mean that there is no server, as far as anyone can tell."""

NO_HTTP: frozenset[Reason] = frozenset({"certificate", "speaks_plain", "speaks_tls", "not_http", "proxy"})
"""The reasons that show before the server itself can answer over HTTP."""

SENTENCES: Mapping[Reason, str] = {
    "refused": "{where} does not answer: nothing listens there. {start}",
    "unknown_name": "{where} does not answer: the name {host} cannot be resolved. {correct}",
    "timeout": "{where} does not answer {detail}. {start}",
    "unreachable": "{where} does not answer: {detail}. {start}",
    "certificate": "the certificate of {where} is not trusted: {detail}",
    "speaks_plain": "{where} does not speak TLS. Use http: {setting} {as_http}",
    "speaks_tls": "{where} speaks TLS only. Use https: {setting} {as_https}",
    "not_http": "{where} does not speak HTTP. Is this the port of a model server? Check {setting}",
    "proxy": "{where} cannot be reached: the proxy refuses it ({detail}). Set the proxy's credentials in the variable "
    "that names it, or bypass it: NO_PROXY={host_of_server}",
    "key": "{where} {refuses} ({detail}). {set_it} in {variables}",
    "loading": "{where} is still loading its model",
    "redirect": "{where} redirects to {detail}. Redirects are not followed, so that no key goes elsewhere. Set the "
    "right address with {setting}",
    "not_found": "{where} has no {detail}. Check {setting}",
    "wrong_path": "{where} lists its models elsewhere. Set its address: {setting} {detail}",
    "web_page": "{where} answers with a web page ({detail}), not as a model server. Check {setting}",
    "error": "{where} answers with an error: {detail}. Its log may say why",
}

MAX_WORDS = 200
"""The part of a server's own words that a sentence repeats: enough to recognise the error."""

GENERAL_KEY_VARIABLE = "ANYCLAUDE_API_KEY"

TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


class Obstacle(Struct, frozen=True):
    """Why a server does not answer, and the sentence that says so to the user."""

    reason: Reason
    sentence: str
    is_web_page: bool = False
    """Whether the server said so with a web page, which a model server has no reason to do."""
    status: int | None = None
    """The HTTP status of the server's answer, `None` without one."""

    @property
    def is_answer(self) -> bool:
        """Whether it is what a server answered over HTTP."""
        return self.reason not in SILENT | NO_HTTP

    @property
    def is_silence(self) -> bool:
        """Whether nothing came back that a server could have sent."""
        return self.reason in SILENT


def obstacle(target: BackendTarget, reason: Reason, detail: str) -> Obstacle:
    """Return the obstacle with its sentence; `detail` is what the server or the system said."""
    endpoint, proxy = target.endpoint, target.way.proxy
    sentence = SENTENCES[reason].format(
        where=f"{target.profile.title} at {endpoint.shown}" + (f" (through the proxy {proxy.url})" if proxy else ""),
        detail=detail,
        host=(proxy or endpoint).host,
        host_of_server=endpoint.host,
        start=_start(target),
        correct=_start(target) if proxy or target.profile.is_remote else f"Check {target.address_setting}",
        as_http=endpoint.shown.replace("https://", "http://", 1),
        as_https=endpoint.shown.replace("http://", "https://", 1),
        refuses="requires a key" if target.authorization is None else "refuses the key",
        set_it="Set it" if target.authorization is None else "Set the right one",
        variables=_key_variables(target),
        setting=target.address_setting,
    )
    return Obstacle(reason, shown_line(sentence))


def words_of(body: bytes) -> str:
    """Return what an error says, on one line: the message of a JSON error, the title of a web page, or the text."""
    try:
        text = _message(decode_lenient_json(body))
    except JsonError:
        text = body.decode(errors="replace")
        if title := TITLE.search(text):
            text = title[1]
    line = " ".join(shown_line(text).split())
    return line if len(line) <= MAX_WORDS else f"{line[:MAX_WORDS]}…"


def _message(value: JsonValue) -> str:
    if isinstance(value, dict):
        for name in ("error", "message", "detail", "msg"):
            if value.get(name):
                return _message(value[name])
    return value if isinstance(value, str) else ""


def _start(target: BackendTarget) -> str:
    profile = target.profile
    if target.way.proxy is not None:
        return f"Check the proxy, or bypass it: NO_PROXY={target.endpoint.host}"
    if profile.is_remote:
        return f"Check the network, or set its address with {target.address_setting}"
    how = f"Start it ({profile.how_to_start})" if profile.how_to_start else "Start it"
    return f"{how}, or set its address with {target.address_setting}"


def _key_variables(target: BackendTarget) -> str:
    own = target.profile.api_key_variable
    general = "the variable that its api_key_variable names" if target.is_fallback else GENERAL_KEY_VARIABLE
    return general if own in {None, GENERAL_KEY_VARIABLE} else f"{own} or {general}"
