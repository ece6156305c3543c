"""Searches and fetches that the gateway runs for a model (docs: "Web search tool", "Web fetch tool")."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from anyclaude.errors import WebToolFailed
from anyclaude.exchange_record import RecordedToolRun
from anyclaude.protocol.content import blocks_of, encode_block
from anyclaude.protocol.events import (
    ServerToolResult,
    ServerToolUsage,
    ServerToolUseContent,
    WebFetchResultContent,
    WebSearchResultContent,
)
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json, encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN
from anyclaude.protocol.server_tools import WEB_FETCH, WEB_SEARCH, sealed, server_tool_result
from anyclaude.transforms import runnable_name
from anyclaude.web.access import Fetched, WebAccess
from anyclaude.web.search import Hit, Query, UserLocation

PAGE_SHARE = 4
"""A page has at most a quarter of the window, unless the client names a limit (`max_content_tokens`)."""


@dataclass(frozen=True, slots=True)
class ToolRules:
    """What the client allows one of its server tools."""

    max_uses: int | None = None
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    location: UserLocation | None = None
    max_content_tokens: int | None = None
    has_citations: bool = False


class ToolRuns:
    """Runs the calls of one request, within the bounds that its tools have."""

    def __init__(
        self,
        access: WebAccess,
        request: MessagesRequest,
        note: Callable[[RecordedToolRun], None],
        new_id: Callable[[str], str],
        context_tokens: int | None = None,
    ) -> None:
        self._access = access
        self._request = request
        self._note = note
        self._new_id = new_id
        self._context_tokens = context_tokens
        self._rules = {tool.name: (name, _rules(tool.extra)) for tool in request.tools if (name := runnable_name(tool))}
        self._uses = {WEB_SEARCH: 0, WEB_FETCH: 0}
        self._results: dict[bytes, JsonValue] = {}
        self._found: list[str] = []  # texts with addresses that results have brought

    @property
    def usage(self) -> ServerToolUsage:
        """How often each tool was used."""
        return ServerToolUsage(self._uses[WEB_SEARCH], self._uses[WEB_FETCH])

    def call(self, name: str, given: JsonObject) -> ServerToolUseContent:
        """Return a call."""
        return ServerToolUseContent(self._new_id("srvtoolu"), name, given)

    async def run(self, call: ServerToolUseContent) -> ServerToolResult:
        """Return what comes of a call, which may be the protocol's error."""
        name, rules = self._rules[call.name]
        try:
            content = await self._content(name, rules, call.input)
        except WebToolFailed as failed:
            self._note(RecordedToolRun(name, error=failed.code, reason=str(failed)))
            content = {"type": f"{name}_tool_result_error", "error_code": failed.code}
        if name == WEB_SEARCH:
            return WebSearchResultContent(call.id, content)
        return WebFetchResultContent(call.id, content)

    async def _content(self, name: str, rules: ToolRules, given: JsonValue) -> JsonValue:
        """Return the content of a result; a call that was made before has the result that it had."""
        key = encode_json([name, given])
        if key in self._results:
            return self._results[key]
        if rules.max_uses is not None and self._uses[name] >= rules.max_uses:
            raise WebToolFailed("max_uses_exceeded", f"{name} may be used {rules.max_uses} times in a request.")
        self._uses[name] += 1
        content = await (self._searched(rules, given) if name == WEB_SEARCH else self._fetched(rules, given))
        self._results[key] = content
        return content

    async def _searched(self, rules: ToolRules, given: JsonValue) -> JsonValue:
        provider = self._access.search
        if provider is None:
            raise WebToolFailed("unavailable", "No search provider is configured.")
        query = Query(_argument(given, "query"), rules.allowed_domains, rules.blocked_domains, rules.location)
        hits = await provider.search(query)
        self._found += (hit.url for hit in hits)
        self._note(RecordedToolRun(WEB_SEARCH, results=len(hits)))
        return [_result(hit) for hit in hits]

    async def _fetched(self, rules: ToolRules, given: JsonValue) -> JsonValue:
        fetcher = self._access.fetcher
        if fetcher is None:
            raise WebToolFailed("unavailable", "Fetching pages is switched off.")
        url = _argument(given, "url")
        if not self._is_known(url):
            raise WebToolFailed(
                "url_not_in_prior_context", "Only addresses that stand in the conversation are fetched."
            )
        page = await fetcher.fetch(
            url,
            max_characters=self._max_characters(rules),
            allowed_domains=rules.allowed_domains,
            blocked_domains=rules.blocked_domains,
        )
        self._found.append(page.text)
        self._note(RecordedToolRun(WEB_FETCH, results=1))
        return _page(page, has_citations=rules.has_citations)

    def _max_characters(self, rules: ToolRules) -> int | None:
        tokens = rules.max_content_tokens
        if self._context_tokens is not None:
            share = self._context_tokens // PAGE_SHARE
            tokens = share if tokens is None else min(tokens, share)
        return None if tokens is None else round(tokens * CHARACTERS_PER_TOKEN)

    def _is_known(self, url: str) -> bool:
        """
        Return whether the conversation or a result has the address, up to a slash at its end.

        Otherwise a page could make the model carry what it knows to an address of its own.
        """
        wanted = url.rstrip("/")
        conversation = (text for turn in self._request.messages for text in _known_texts(turn))
        return any(wanted in text for text in chain(self._found, conversation))


def decoded_input(arguments: str) -> JsonObject:
    """Return the arguments of a call, an empty object if they are no JSON object."""
    try:
        value = decode_json(arguments.encode(errors="replace"))
    except JsonError:
        return {}
    return value if isinstance(value, dict) else {}


def _argument(given: JsonValue, name: str) -> str:
    value = given.get(name) if isinstance(given, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise WebToolFailed("invalid_tool_input", f"The call has no {name}.")
    return value.strip()


def _result(hit: Hit) -> JsonObject:
    return {
        "type": "web_search_result",
        "url": hit.url,
        "title": hit.title,
        "encrypted_content": sealed(hit.text),
        "page_age": hit.age,
    }


def _page(page: Fetched, *, has_citations: bool) -> JsonObject:
    source: JsonObject = {"type": "text", "media_type": "text/plain", "data": page.text}
    return {
        "type": "web_fetch_result",
        "url": page.url,
        "retrieved_at": page.retrieved_at,
        "content": {
            "type": "document",
            "source": source,
            "title": page.title,
            "citations": {"enabled": True} if has_citations else None,
        },
    }


def _known_texts(turn: Turn) -> Iterator[str]:
    """Yield what the user, the client's tools, and earlier searches and fetches have brought; not the model's words."""
    for block in blocks_of(turn.content):
        if turn.role != "assistant":
            yield encode_json(encode_block(block)).decode()
        elif (result := server_tool_result(block)) is not None:
            yield result.text


def _rules(fields: Mapping[str, JsonValue]) -> ToolRules:
    """Return the bounds that a tool has; a field in another form than the documented one counts as missing."""
    return ToolRules(
        max_uses=_count(fields.get("max_uses")),
        allowed_domains=_names(fields.get("allowed_domains")),
        blocked_domains=_names(fields.get("blocked_domains")),
        location=_location(fields.get("user_location")),
        max_content_tokens=_count(fields.get("max_content_tokens")),
        has_citations=fields.get("citations") == {"enabled": True},
    )


def _count(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _names(value: JsonValue) -> tuple[str, ...]:
    items: Sequence[JsonValue] = value if isinstance(value, list) else ()
    return tuple(item for item in items if isinstance(item, str) and item)


def _location(value: JsonValue) -> UserLocation | None:
    if not isinstance(value, dict):
        return None
    parts = (value.get(name) for name in ("city", "region", "country", "timezone"))
    return UserLocation(*(part if isinstance(part, str) else None for part in parts))
