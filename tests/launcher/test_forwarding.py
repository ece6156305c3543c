"""Mode `claude` forwards to where the client would have gone, over the way it would have taken."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from tests.parts.fake_client import client_report, write_fake_client
from tests.parts.raw_client import ask
from tests.parts.stub_server import stub_server

from anyclaude.errors import InvalidSetting
from anyclaude.launcher.client.user_settings import SettingsSource, UserSettings
from anyclaude.launcher.forwarding import answered_by, check_forwarding, forward_address, forward_way
from anyclaude.network import CaFile, ClientCertificate
from anyclaude.settings import Settings

SETTINGS = Settings(mode="claude")


@pytest.mark.parametrize(
    ("backend_url", "environment", "origin"),
    [
        (None, {}, "https://api.anthropic.com"),
        (None, {"ANTHROPIC_BASE_URL": ""}, "https://api.anthropic.com"),
        (None, {"ANTHROPIC_BASE_URL": "https://gw.corp.example/anthropic"}, "https://gw.corp.example/anthropic"),
        ("http://chosen:1", {"ANTHROPIC_BASE_URL": "https://gw.corp.example"}, "http://chosen:1"),
    ],
)
@pytest.mark.parametrize("is_exported", [True, False])
def test_the_address_is_the_one_that_was_set_then_the_clients_then_anthropics(
    backend_url: str | None, environment: dict[str, str], origin: str, is_exported: bool
) -> None:
    in_a_file = (SettingsSource("user", "settings.json", {"env": environment}),)
    user = UserSettings(environment) if is_exported else UserSettings({}, in_a_file)

    assert forward_address(Settings(mode="claude", backend_url=backend_url), user).origin == origin


def test_what_answers_is_said_without_what_may_be_secret() -> None:
    user = UserSettings({"ANTHROPIC_BASE_URL": "https://me:hunter2@gw.corp.example?key=hunter2"})

    assert answered_by(None, SETTINGS, user) == "https://gw.corp.example, unchanged"
    assert answered_by(None, SETTINGS, UserSettings({})) == "Anthropic's own API, unchanged"


def test_the_way_has_the_clients_certificates_and_its_proxy_wherever_they_are_set() -> None:
    variables = {
        "NODE_EXTRA_CA_CERTS": "/corp.pem",
        "CLAUDE_CODE_CLIENT_CERT": "/me.pem",
        "HTTPS_PROXY": "http://proxy:3128",
    }
    user = UserSettings({}, (SettingsSource("user", "settings.json", {"env": variables}),))

    way = forward_way(SETTINGS, user)

    assert way.ca_files == (CaFile("/corp.pem", "NODE_EXTRA_CA_CERTS"),)
    assert way.client_certificate == ClientCertificate("/me.pem")
    assert way.proxy is not None


def test_a_certificate_that_the_client_does_not_check_is_not_checked_and_that_is_said() -> None:
    unchecked = {"ANTHROPIC_BASE_URL": "https://gw.corp.example", "NODE_TLS_REJECT_UNAUTHORIZED": "0"}
    plain = {**unchecked, "ANTHROPIC_BASE_URL": "http://gw.corp.example"}

    assert not forward_way(SETTINGS, UserSettings(unchecked)).checks_certificate
    assert forward_way(SETTINGS, UserSettings({"NODE_TLS_REJECT_UNAUTHORIZED": "1"})).checks_certificate
    assert "NODE_TLS_REJECT_UNAUTHORIZED" in answered_by(None, SETTINGS, UserSettings(unchecked))
    assert "NODE_TLS_REJECT_UNAUTHORIZED" not in answered_by(None, SETTINGS, UserSettings(plain))


def test_a_file_that_cannot_be_read_is_named_before_the_client_starts_if_it_is_needed() -> None:
    broken = {"ANTHROPIC_BASE_URL": "https://gw.corp.example", "NODE_EXTRA_CA_CERTS": "/no/such/file.pem"}
    plain = {**broken, "ANTHROPIC_BASE_URL": "http://gw.corp.example"}

    with pytest.raises(InvalidSetting, match="NODE_EXTRA_CA_CERTS"):
        check_forwarding(SETTINGS, UserSettings(broken))

    check_forwarding(SETTINGS, UserSettings(plain))
    check_forwarding(Settings(mode="llamacpp"), UserSettings(broken))


def test_a_socket_ends_the_start_because_the_client_would_use_no_gateway() -> None:
    with pytest.raises(InvalidSetting, match="ANTHROPIC_UNIX_SOCKET"):
        check_forwarding(SETTINGS, UserSettings({"ANTHROPIC_UNIX_SOCKET": "/run/gateway.sock"}))


@pytest.mark.parametrize("name", ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"])
def test_another_provider_ends_the_start_because_the_client_would_use_no_gateway(name: str) -> None:
    with pytest.raises(InvalidSetting, match=name):
        forward_way(SETTINGS, UserSettings({name: "1"}))

    assert forward_way(SETTINGS, UserSettings({name: "0"})).client_certificate is None


async def test_a_launch_forwards_to_the_address_of_the_users_settings_and_its_token_goes_nowhere_else(
    tmp_path: Path,
) -> None:
    write_fake_client(tmp_path)
    async with stub_server({"/v1/models": {"data": []}}) as company:
        settings = {"env": {"ANTHROPIC_BASE_URL": company.origin, "ANTHROPIC_AUTH_TOKEN": "company-token"}}
        (tmp_path / ".claude").mkdir()
        (tmp_path / ".claude" / "settings.json").write_text(json.dumps(settings))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "anyclaude", "--mode", "claude", "-p", "wait"),
            cwd=tmp_path,
            stdout=PIPE,
            stderr=PIPE,
            env={"HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        )
        assert process.stdout is not None
        report = client_report(await process.stdout.readline())
        gateway = report.environment["ANTHROPIC_BASE_URL"]
        response = await ask(gateway, "GET", "/v1/models", headers={"Authorization": "Bearer company-token"})
        process.terminate()
        _, err = await process.communicate()

    assert response.status == 200
    assert company.requests == [("GET", "/v1/models", "Bearer company-token")]
    assert f"answers come from {company.origin}, unchanged" in err.decode()
