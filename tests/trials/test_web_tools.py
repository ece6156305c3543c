"""The real client's web tools: its model reads what was found, or that nothing was."""

from pathlib import Path

import pytest
from tests.parts.certificate import write_certificate
from tests.parts.chat_reply import call, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, in_turn
from tests.parts.chat_server import chat_server
from tests.parts.claude_code import ClientTask, workspace_for
from tests.parts.claude_code_versions import NATIVE, VERSIONS, installed_client
from tests.parts.launched_command import run_anyclaude
from tests.parts.searxng import page, searxng
from tests.parts.stub_server import Answer as Page
from tests.parts.stub_server import stub_server
from tests.parts.work_tree import make_work_tree

FILES = {"notes.txt": "none\n"}
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
MADE_UP = "X was released in May 2031, see https://made.up"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_search_that_is_not_run_reaches_the_model_as_one_that_failed(version: str, tmp_path: Path) -> None:
    conversation = in_turn(reply(call("WebSearch", query="release date of X")), reply(say("I could not look it up.")))

    def script(request: ChatRequest) -> Answer:
        return conversation(request) if request.tool_names else reply(say(MADE_UP))

    workspace = workspace_for(make_work_tree(tmp_path / "tree", FILES), tmp_path)
    async with chat_server(script) as server, stub_server({}) as proxy:
        environment = {"ANYCLAUDE_DIET": "full", **dict.fromkeys(PROXY_VARIABLES, proxy.origin)}
        task = ClientTask("When was X released?", ("--allowedTools=WebSearch",), environment)
        run = await run_anyclaude(installed_client(version), workspace, ("--backend-url", server.base_url), task)

    run.check()
    server.check()
    result = server.requests[-1].messages[-1].text
    assert not proxy.requests, "the internet is beyond it, and nothing was sent there"
    assert len(server.requests) == 2
    assert "was not run" in result
    assert "unavailable" in result
    assert "2031" not in result
    assert run.text == "I could not look it up."


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_search_with_a_provider_brings_its_links_to_the_model(version: str, tmp_path: Path) -> None:
    conversation = in_turn(
        reply(call("WebSearch", query="release date of X")), reply(say("In May 2024, says https://x.example/news."))
    )

    def script(request: ChatRequest) -> Answer:
        is_main = any(name not in {"web_search"} for name in request.tool_names)
        return conversation(request) if is_main else reply(say("X was released in May 2024."))

    workspace = workspace_for(make_work_tree(tmp_path / "tree", FILES), tmp_path)
    task = ClientTask("When was X released?", ("--allowedTools=WebSearch",), {})
    found = (page("https://x.example/news", "News of X", "X was released in May 2024."),)
    async with searxng(found) as provider, chat_server(script) as server:
        flags = ("--backend-url", server.base_url, "--web-search", provider.base_url)
        run = await run_anyclaude(installed_client(version), workspace, flags, task)

    run.check()
    server.check()
    assert provider.queries == ["release date of X"]
    result = server.requests[-1].messages[-1].text
    assert "https://x.example/news" in result
    assert "X was released in May 2024." in result
    assert run.text == "In May 2024, says https://x.example/news."


async def test_a_page_is_fetched_by_the_client_itself_and_read_by_the_model(tmp_path: Path) -> None:
    certificate, tls = write_certificate(tmp_path)
    tides = Page(200, "<title>Tides</title><p>High water is at 11:42.</p>", "text/html")
    async with stub_server({"/tides": tides}, tls=tls) as site:
        fetch = call("WebFetch", url=f"{site.origin}/tides", prompt="When is high water?")
        conversation = in_turn(reply(fetch), reply(say("At 11:42.")))

        def script(request: ChatRequest) -> Answer:
            return conversation(request) if request.tool_names else reply(say("The page says 11:42."))

        workspace = workspace_for(make_work_tree(tmp_path / "tree", FILES), tmp_path)
        environment = {"ANYCLAUDE_DIET": "full", "NODE_EXTRA_CA_CERTS": str(certificate)}
        task = ClientTask("When is high water?", ("--allowedTools=WebFetch",), environment)
        async with chat_server(script) as server:
            run = await run_anyclaude(installed_client(NATIVE), workspace, ("--backend-url", server.base_url), task)

    run.check()
    server.check()
    of_page = [request for request in server.requests if not request.tool_names]
    assert [path for _, path, _ in site.requests] == ["/tides"]
    assert len(of_page) == 1
    assert "High water is at 11:42." in of_page[0].messages[-1].text
    assert server.requests[-1].messages[-1].text == "The page says 11:42."
