"""The real client in sessions of 200 steps, with results as large as it allows, in small and large windows."""

from pathlib import Path

import pytest
from tests.parts.chat_server import ServerOptions, chat_server, prompt_tokens
from tests.parts.claude_code import ClientTask, workspace_for
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.hard_servers import in_window, refused_by_llamacpp
from tests.parts.launched_command import run_anyclaude
from tests.parts.long_session import LongSession, files_to_read, mcp_configuration, tokens_of
from tests.parts.played_model import COMPACTION
from tests.parts.work_tree import make_work_tree

from anyclaude.protocol.json_values import encode_json

STEPS = 200


@pytest.mark.parametrize("window", [8_192, 16_384, 32_768, 131_072])
async def test_a_session_of_200_steps_reaches_its_end(window: int, tmp_path: Path) -> None:
    workspace = workspace_for(make_work_tree(tmp_path / "tree", files_to_read()), tmp_path)
    session = LongSession(workspace.tree, STEPS)
    script = in_window(session, window, refused_by_llamacpp, tokens_of)
    servers = ("--mcp-config", encode_json(mcp_configuration()).decode())
    async with chat_server(script, ServerOptions(context_tokens=window, tokens_of=tokens_of)) as server:
        import os
        env = dict(x.split("=") for x in os.environ.get("HLENV","").split()) 
        task = ClientTask("Work through all steps.", servers, timeout_seconds=300, environment=env)
        run = await run_anyclaude(installed_client(NATIVE), workspace, ("--backend-url", server.base_url), task)
    import json, os
    if os.environ.get("HL"):
        rows=[]
        for r,e in ((x.request,x.answer) for x in server.exchanges):
            rows.append((prompt_tokens(r, tokens_of), len(r.messages), type(e).__name__, any(COMPACTION in m.text for m in r.since_last_turn), r.messages[-1].text[:60], [ (m.role,tokens_of(m.text)) for m in r.since_last_turn]))
        Path(os.environ["HL"]+f"-{window}.json").write_text(json.dumps(rows))
        Path(os.environ["HL"]+f"-{window}.log").write_text(run.log)
        Path(os.environ["HL"]+f"-{window}.events").write_text("\n".join(json.dumps(e) for e in run.events))
        Path(os.environ["HL"]+f"-{window}.err").write_text(run.stderr)
        Path(os.environ["HL"]+f"-{window}.reqs").write_text(json.dumps([r.raw for r in server.requests[-12:]]))
    run.check()
    server.check()

    assert run.text == session.final_text
