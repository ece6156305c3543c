"""
The contestants and their configuration: no logs, no accounts, nothing but forwarding.

The mock backend is behind all of them.  `direct` and `nginx` show the cost of the transport alone: their replies are
the backend's own bytes.  All others translate Anthropic Messages to Chat Completions and back.
"""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from platformdirs import user_cache_path

from .bodies import MODEL
from .load import Endpoint
from .processes import Launch, NotRunning, private_environment

CHAT_MARKER = b'"delta":{"content":"'
ANTHROPIC_MARKER = b'"text_delta"'

CLAUDE_CODE_ROUTER = "@musistudio/claude-code-router@2.0.0"

LITELLM = "litellm[proxy]==1.106.2"
"""The newest release that installs (2026-11): 1.109.1 requires a litellm-proxy-extras that PyPI does not have."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One path to the backend; `launch` prepares it, given an empty folder and the backend's port."""

    name: str
    title: str
    launch: Callable[[Path, int], Launch] | None
    path: str = "/v1/messages"
    marker: bytes = ANTHROPIC_MARKER

    def endpoint(self, port: int) -> Endpoint:
        """Return the endpoint for the load generator."""
        return Endpoint(port, self.path, self.marker)


def free_port() -> int:
    """Return a loopback port that was free when checked."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _nginx(folder: Path, backend_port: int) -> Launch:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        raise NotRunning("nginx is not installed (Debian: apt-get install nginx)")
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX_CONFIGURATION.format(port=port, backend_port=backend_port, folder=folder))
    command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    return Launch(command, private_environment(folder), folder, port)


NGINX_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
  keepalive_requests 1000000;
  upstream backend {{ server 127.0.0.1:{backend_port}; keepalive 512; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def _anyclaude(folder: Path, backend_port: int, python: str = sys.executable) -> Launch:
    port = free_port()
    backend = f"http://127.0.0.1:{backend_port}/v1"
    command = [python, "-m", "anyclaude", "serve", "--mode", "generic", "--backend-url", backend]
    command += ["--model", MODEL, "--port", str(port)]
    roomy = {"ANYCLAUDE_PARALLEL_REQUESTS": "1024"}  # so that requests do not queue for the backend
    return Launch(command, private_environment(folder, **roomy), folder, port)


def _litellm(folder: Path, backend_port: int) -> Launch:
    uv = shutil.which("uv")
    if uv is None:
        raise NotRunning("uv is not on the PATH")
    program = _installed(
        [uv, "tool", "run", "--from", LITELLM, "python", "-c", "import shutil; print(shutil.which('litellm'))"]
    )
    port = free_port()
    settings = {
        "model_list": [
            {
                "model_name": MODEL,
                "litellm_params": {
                    "model": f"openai/{MODEL}",
                    "api_base": f"http://127.0.0.1:{backend_port}/v1",
                    "api_key": "benchmark",
                },
            }
        ],
        "litellm_settings": {
            "drop_params": True,
            "telemetry": False,
            "use_chat_completions_url_for_anthropic_messages": True,
        },
    }
    (folder / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML
    command = [program, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    quiet = {
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # loopback only; saves it a check
        "NO_DOCS": "True",
    }
    return Launch(command, private_environment(folder, **quiet), folder, port)


def _claude_code_router(folder: Path, backend_port: int) -> Launch:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotRunning("node and npm are not on the PATH (Debian: apt-get install nodejs npm)")
    home = user_cache_path("anyclaude-benchmarks") / "claude-code-router-2.0.0"
    program = home / "node_modules/@musistudio/claude-code-router/dist/cli.js"
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        _installed([npm, "install", "--no-fund", "--no-audit", "--prefix", str(home), CLAUDE_CODE_ROUTER])
    port = free_port()
    settings = {
        "HOST": "127.0.0.1",
        "PORT": port,
        "LOG": False,
        "NON_INTERACTIVE_MODE": True,
        "Providers": [
            {
                "name": "mock",
                "api_base_url": f"http://127.0.0.1:{backend_port}/v1/chat/completions",
                "api_key": "benchmark",
                "models": [MODEL],
            }
        ],
        "Router": {"default": f"mock,{MODEL}"},
    }
    (folder / ".claude-code-router").mkdir()
    (folder / ".claude-code-router/config.json").write_text(json.dumps(settings))
    return Launch([node, str(program), "start"], private_environment(folder), folder, port)


def _installed(command: list[str]) -> str:
    """Run an installation, and return the last line of its output.  Raises `NotRunning` if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotRunning(f"{' '.join(command[:4])} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return (done.stdout.strip().splitlines() or [""])[-1]


DIRECT = Contestant("direct", "direct to the backend", None, "/v1/chat/completions", CHAT_MARKER)
NGINX = Contestant("nginx", "nginx, bytes passed through", _nginx, "/v1/chat/completions", CHAT_MARKER)
ANYCLAUDE = Contestant("anyclaude", "anyclaude", _anyclaude)
ROUTER = Contestant("ccr", "Claude Code Router 2.0.0", _claude_code_router)
LITELLM_PROXY = Contestant("litellm", "LiteLLM 1.106.2", _litellm)

CONTESTANTS = (DIRECT, NGINX, ANYCLAUDE, ROUTER, LITELLM_PROXY)


def other_build(python: str) -> Contestant:
    """Return the anyclaude of another environment, given its interpreter: an earlier version, for example."""
    return Contestant("other", "anyclaude, other build", partial(_anyclaude, python=python))
