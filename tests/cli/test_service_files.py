"""The unit and the Compose file of `docs/serve.md`: they are well formed, and their commands run as written."""

import asyncio
import shlex
import shutil
import sys
from asyncio.subprocess import PIPE
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # installed with huggingface-hub
from tests.parts.command import Command
from tests.parts.processes import LONG_SECONDS

from anyclaude.protocol.json_values import JsonObject, JsonValue

FOLDER = Path(__file__).parents[2] / "docs" / "service"
UNIT = FOLDER / "anyclaude.service"
TOKEN = "a-token-for-this-test"


def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text())
    return parser


def service(name: str) -> JsonObject:
    """Return a service of the Compose file."""
    document: JsonObject = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    services = document["services"]
    assert isinstance(services, dict)
    found = services[name]
    assert isinstance(found, dict)
    return found


def words(value: JsonValue) -> list[str]:
    assert isinstance(value, list)
    return [str(word) for word in value]


async def test_the_command_of_the_unit_serves(command: Command) -> None:
    program, *arguments = shlex.split(unit()["Service"]["ExecStart"])

    assert program == "%h/.local/bin/anyclaude"
    async with command.started(*arguments, ANYCLAUDE_PORT="0") as process:
        assert process.stdout is not None
        async with asyncio.timeout(LONG_SECONDS):
            first = (await process.stdout.readline()).decode()
        process.terminate()
        async with asyncio.timeout(LONG_SECONDS):
            status = await process.wait()

    assert first.startswith("anyclaude listens on http://127.0.0.1:")
    assert status == 0


async def test_the_status_of_a_wrong_setting_is_the_one_after_which_the_unit_is_not_restarted(command: Command) -> None:
    status, _, _ = await command.ran("serve", ANYCLAUDE_BACKEND_URL="http://[::1")

    assert str(status) == unit()["Service"]["RestartPreventExitStatus"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
async def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text().replace("%h/.local/bin/anyclaude", sys.executable)

    assert await complaints(tmp_path, text) == []
    assert await complaints(tmp_path, text.replace("ProtectHome=", "ProtectedHome=")) != []


async def complaints(folder: Path, text: str) -> list[str]:
    """Return what systemd says of a user unit."""
    copy = folder / UNIT.name
    copy.write_text(text)
    environment = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    words = ("systemd-analyze", "verify", "--user", str(copy))
    process = await asyncio.create_subprocess_exec(*words, stdout=PIPE, stderr=PIPE, env=environment)
    out, err = await process.communicate()
    return (out + err).decode().splitlines()


async def test_the_command_of_the_container_needs_a_token(command: Command) -> None:
    status, _, err = await command.ran(*words(service("anyclaude")["command"]), ANYCLAUDE_PORT="0")

    assert status == 2
    assert "ANYCLAUDE_TOKEN" in err


async def test_the_container_is_healthy_once_its_server_answers_and_not_before(command: Command) -> None:
    arguments = words(service("anyclaude")["command"])
    arguments[arguments.index("0.0.0.0")] = "127.0.0.1"
    check = service("anyclaude")["healthcheck"]
    assert isinstance(check, dict)
    kind, python, *probe = words(check["test"])
    assert (kind, python) == ("CMD", "python")

    assert await healthy(command, arguments, probe) is False
    arguments[arguments.index("--backend-url") + 1] = command.server.origin
    arguments[arguments.index("llamacpp")] = "vllm"
    assert await healthy(command, arguments, probe) is True


async def healthy(command: Command, arguments: list[str], probe: list[str]) -> bool:
    """Return whether the health check passes for a gateway that has just begun to listen."""
    async with command.started(*arguments, ANYCLAUDE_PORT="0", ANYCLAUDE_TOKEN=TOKEN) as process:
        assert process.stdout is not None
        async with asyncio.timeout(LONG_SECONDS):
            url = (await process.stdout.readline()).decode().split()[3]
        check = await asyncio.create_subprocess_exec(
            sys.executable,
            *(word.replace("http://127.0.0.1:49152", url) for word in probe),
            env={"ANYCLAUDE_TOKEN": TOKEN},
            stderr=PIPE,
        )
        async with asyncio.timeout(LONG_SECONDS):
            _, err = await check.communicate()
        assert check.returncode == 0 or b"HTTP Error 503" in err
        return check.returncode == 0


def test_the_port_is_the_default_one_and_published_on_loopback_only() -> None:
    assert words(service("anyclaude")["ports"]) == ["127.0.0.1:49152:49152"]
