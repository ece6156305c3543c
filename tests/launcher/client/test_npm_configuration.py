"""What the user has configured for npm."""

import tempfile
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.launcher.client.npm_configuration import NpmConfiguration, npm_configuration
from anyclaude.network import Network, parse_address

SCOPE = "@anthropic-ai"


def configured(home: Path, text: str, **environment: str) -> NpmConfiguration:
    """Return the configuration of a user with this `.npmrc`."""
    (home / ".npmrc").write_text(text)
    return npm_configuration({"HOME": str(home), "npm_config_globalconfig": str(home / "global"), **environment})


def header(configuration: NpmConfiguration, url: str) -> str | None:
    """Return the authorization of a request."""
    secret = configuration.authorization(url)
    return None if secret is None else secret.reveal()


def test_without_configuration_the_registry_is_the_public_one(tmp_path: Path) -> None:
    assert configured(tmp_path, "").registry(SCOPE) == "https://registry.npmjs.org"
    assert npm_configuration({}).registry(SCOPE) == "https://registry.npmjs.org"


@pytest.mark.parametrize(
    ("text", "environment", "registry"),
    [
        ("registry=https://a/\n", {}, "https://a"),
        ("registry = 'https://a/npm/'\n", {}, "https://a/npm"),
        ("registry = https://a/npm/ ; ours", {}, "https://a/npm"),
        ("; registry=https://b\n# registry=https://c\nregistry=https://a", {}, "https://a"),
        ("registry=https://${HOST}/npm", {"HOST": "h"}, "https://h/npm"),
        ("registry=https://a\n@anthropic-ai:registry=https://s", {}, "https://s"),
        ("registry=https://a", {"npm_config_registry": "https://e"}, "https://e"),
        ("registry=https://a", {"NPM_CONFIG_REGISTRY": "https://e"}, "https://e"),
        ("registry=https://a", {"npm_config_registry": ""}, "https://a"),
        ("\ufeff\n[section]\nregistry=https://a", {}, "https://registry.npmjs.org"),
    ],
)
def test_the_registry_is_the_one_that_npm_would_use(
    tmp_path: Path, text: str, environment: dict[str, str], registry: str
) -> None:
    assert configured(tmp_path, text, **environment).registry(SCOPE) == registry


def test_the_users_file_wins_over_the_machines(tmp_path: Path) -> None:
    (tmp_path / "global").write_text("registry=https://machine\nstrict-ssl=false\n")

    configuration = configured(tmp_path, "registry=https://user\n")

    assert configuration.registry(SCOPE) == "https://user"
    assert not configuration.checks_certificates


def test_another_file_can_be_named_as_the_users(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("registry=https://other\n")

    configuration = configured(tmp_path, "registry=https://a", npm_config_userconfig=str(tmp_path / "other"))

    assert configuration.registry(SCOPE) == "https://other"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/npm/@a%2fb", "Bearer inner"),
        ("https://h/npm/x/y.tgz", "Bearer inner"),
        ("https://h/other", "Bearer outer"),
        ("https://h:8443/npm/x", None),
        ("https://h.evil/npm/x", None),
        ("https://other/npm/x", None),
    ],
)
def test_credentials_go_where_they_belong(tmp_path: Path, url: str, expected: str | None) -> None:
    text = "//h/npm/:_authToken=inner\n//h/:_authToken=outer\n"

    assert header(configured(tmp_path, text), url) == expected


def test_older_forms_of_credentials_are_understood(tmp_path: Path) -> None:
    password = b64encode(b"word").decode()
    text = f"//a/:_auth=YWJj\n//b/:username=me\n//b/:_password={password}\n//c/:username=me\n//c/:_password=?\n"
    configuration = configured(tmp_path, text)

    assert header(configuration, "https://a/x") == "Basic YWJj"
    assert header(configuration, "https://b/x") == "Basic " + b64encode(b"me:word").decode()
    assert header(configuration, "https://c/x") is None


def test_npms_proxy_and_certificates_come_before_those_of_the_environment(tmp_path: Path) -> None:
    text = "https-proxy=http://npm-proxy:1\nnoproxy=direct.example\ncafile=/ca.pem\n"

    network = configured(tmp_path, text).network(Network())
    way = network.way_to(parse_address("https://registry.example"))

    assert (way.proxy and way.proxy.host, [file.path for file in way.ca_files]) == ("npm-proxy", ["/ca.pem"])
    assert network.way_to(parse_address("https://direct.example")).proxy is None


@pytest.mark.parametrize("text", ["proxy=null\nhttps-proxy=null", ""])
def test_what_is_null_counts_as_not_set(tmp_path: Path, text: str) -> None:
    assert configured(tmp_path, text).network(Network()) == Network()


@given(st.text())
def test_every_file_can_be_read_and_nothing_of_it_is_shown(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".npmrc").write_bytes(f"registry=s3cret{text}".encode(errors="replace"))
        configuration = npm_configuration({"HOME": folder})

    assert "s3cret" not in repr(configuration)
    assert configuration.registry(SCOPE)
