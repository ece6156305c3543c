"""The real client reads a PDF file, and its model gets the text page by page."""

from pathlib import Path

from tests.parts.chat_reply import call, reply, say
from tests.parts.chat_script import in_turn
from tests.parts.chat_server import chat_server
from tests.parts.claude_code import ClientTask, workspace_for
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.launched_command import run_anyclaude
from tests.parts.pdf_files import pdf_of, text_of
from tests.parts.work_tree import make_work_tree


async def test_each_page_of_a_file_that_the_client_reads_reaches_the_model(tmp_path: Path) -> None:
    tree = make_work_tree(tmp_path / "tree", {"notes.txt": "none\n"})
    file = tmp_path / "tree" / "table.pdf"
    file.write_bytes(pdf_of(3))
    script = in_turn(reply(call("Read", file_path=str(file))), reply(say("It has three pages.")))
    async with chat_server(script) as server:
        flags = ("--backend-url", server.base_url)
        task = ClientTask("What is in table.pdf?")
        run = await run_anyclaude(installed_client(NATIVE), workspace_for(tree, tmp_path), flags, task)

    run.check()
    server.check()
    read = "\n".join(message.text for message in server.requests[-1].messages)
    for page in (1, 2, 3):
        assert f"[page {page} of 3]\n{text_of(page)}" in read
