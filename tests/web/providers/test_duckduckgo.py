"""What DuckDuckGo is asked through its library, which a module of these tests takes the place of."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest
from tests.parts.certificate import write_certificate

from anyclaude.errors import InvalidSetting, WebToolFailed
from anyclaude.network import CaFile, Network
from anyclaude.secret import Secret
from anyclaude.web.providers.duckduckgo import DuckDuckGo, Question
from anyclaude.web.search import Hit, Query, UserLocation

RESULTS: list[dict[str, object]] = [
    {"title": "aiohttp", "href": "https://docs.aiohttp.org/", "body": "Asynchronous HTTP"},
    {"title": "other", "href": "https://evil.example/", "body": 3},
    {"title": "no address"},
]


async def test_results_become_hits_and_the_question_has_the_region() -> None:
    asked: list[Question] = []

    def find(question: Question) -> Sequence[Mapping[str, object]]:
        asked.append(question)
        return RESULTS

    search = DuckDuckGo(Network(), find)
    hits = await search.search(Query("aiohttp", (), ("evil.example",), UserLocation(country="DE")))
    await search.search(Query("aiohttp"))

    assert hits == (Hit("https://docs.aiohttp.org/", "aiohttp", "Asynchronous HTTP"),)
    assert [(question.text, question.region) for question in asked] == [
        ("aiohttp -site:evil.example", "de-de"),
        ("aiohttp", "wt-wt"),
    ]


async def test_what_the_library_raises_is_a_refusal_and_no_empty_result() -> None:
    def find(question: Question) -> Sequence[Mapping[str, object]]:
        raise RuntimeError("No results found.")

    with pytest.raises(WebToolFailed, match="No results found") as raised:
        await DuckDuckGo(Network(), find).search(Query("words"))

    assert raised.value.code == "unavailable"


async def test_a_library_that_does_not_return_is_left_behind() -> None:
    release = Event()

    def find(question: Question) -> Sequence[Mapping[str, object]]:
        release.wait(60)
        return RESULTS

    with pytest.raises(WebToolFailed, match=r"within 0\.1 s") as raised:
        await DuckDuckGo(Network(), find, 0.1).search(Query("words"))
    release.set()

    assert raised.value.code == "unavailable"


def test_without_the_library_the_setting_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})

    with pytest.raises(InvalidSetting, match=r"pip install 'anyclaude\[web\]'"):
        DuckDuckGo(Network())


class Library(ModuleType):
    """The library, as far as it is used (ddgs 9.16)."""

    def __init__(self, *engines: str) -> None:
        super().__init__("ddgs")
        self.made: list[dict[str, object]] = []
        self.asked: list[dict[str, object]] = []
        self.trusted = ""
        self.engines = ModuleType("ddgs.engines")
        self.engines.__dict__["ENGINES"] = {"text": dict.fromkeys(engines)}
        self.__spec__ = ModuleSpec("ddgs", None)

    def DDGS(self, **options: object) -> "Library":
        """Return what searches."""
        self.made.append(options)
        if isinstance(options["verify"], str):
            self.trusted = Path(options["verify"]).read_text()
        return self

    def text(self, query: str, **options: object) -> Sequence[Mapping[str, object]]:
        """Search."""
        self.asked.append({"query": query, **options})
        return RESULTS


def installed(monkeypatch: pytest.MonkeyPatch, *engines: str) -> Library:
    library = Library(*engines)
    monkeypatch.setitem(sys.modules, "ddgs", library)
    monkeypatch.setitem(sys.modules, "ddgs.engines", library.engines)
    return library


async def test_the_library_asks_duckduckgo_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    library = installed(monkeypatch, "bing", "duckduckgo")

    hits = await DuckDuckGo(Network()).search(Query("words"))

    assert len(hits) == 2
    assert library.made == [{"proxy": None, "timeout": 15, "verify": True}]
    assert library.asked == [{"query": "words", "region": "wt-wt", "max_results": 20, "backend": "duckduckgo"}]


async def test_a_library_that_would_ask_others_instead_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    library = installed(monkeypatch, "bing")

    with pytest.raises(WebToolFailed, match="does not ask DuckDuckGo"):
        await DuckDuckGo(Network()).search(Query("words"))

    assert library.asked == []


async def test_the_library_gets_the_proxy_and_the_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = installed(monkeypatch, "duckduckgo")
    certificate, _ = write_certificate(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    network = Network(
        proxies={"https": ("HTTPS_PROXY", Secret("http://me:p%40ss-w0rd@proxy.example:3128"))},
        ca_files=(CaFile(str(certificate), "ca_file"),),
    )

    await DuckDuckGo(network).search(Query("words"))

    assert library.made[0]["proxy"] == "http://me:p%40ss-w0rd@proxy.example:3128"
    assert "".join(certificate.read_text().split()) in "".join(library.trusted.split())
    assert names_in(tmp_path) == ["certificate.pem", "key.pem"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
