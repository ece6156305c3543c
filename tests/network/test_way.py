"""Which proxy is used for a server, and which certificates are trusted."""

import pytest

from anyclaude.errors import InvalidSetting
from anyclaude.network import ClientCertificate, Network, Proxy, client_certificate, network_of, parse_address
from anyclaude.network.way import CA_VARIABLES
from anyclaude.secret import Secret

PROXIED = {"HTTP_PROXY": "http://proxy:3128", "HTTPS_PROXY": "http://proxy:3129"}
PUBLIC = "https://api.example.org:8443/v1"


def proxy_for(address: str, **environment: str) -> Proxy | None:
    return network_of(environment, None).way_to(parse_address(address)).proxy


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
        "http://10.0.0.5:8080",
        "http://192.168.1.5:8080",
        "http://[fd00::5]:8080",
        "http://mac-studio.local:1234",
        "http://vllm:8000",
        "https://192.168.1.5",
        "unix:/run/llama.sock",
    ],
)
def test_a_server_here_or_in_a_private_network_is_never_behind_a_proxy(address: str) -> None:
    everywhere = {**PROXIED, "ALL_PROXY": "http://proxy:1", "http_proxy": "http://proxy:2", "NO_PROXY": ""}

    assert proxy_for(address, **everywhere) is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:1"}, Proxy("proxy", 1)),
        ({"https_proxy": "http://proxy:1"}, Proxy("proxy", 1)),
        ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:2"}, Proxy("lower", 1)),
        ({"https_proxy": "", "HTTPS_PROXY": "http://upper:2"}, None),
        ({"HTTP_PROXY": "http://proxy:1"}, None),
        ({"ALL_PROXY": "http://proxy:1"}, Proxy("proxy", 1)),
        ({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://tls:2"}, Proxy("tls", 2)),
        ({"HTTPS_PROXY": "proxy:1"}, Proxy("proxy", 1)),
        ({"HTTPS_PROXY": "http://proxy/"}, Proxy("proxy", 80)),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, Proxy("127.0.0.1", 9)),
        ({"HTTPS_PROXY": "http://me:p%40ss@proxy:1"}, Proxy("proxy", 1, Secret("Basic bWU6cEBzcw=="))),
    ],
)
def test_a_public_server_is_behind_the_proxy_that_the_environment_names(
    environment: dict[str, str], expected: Proxy | None
) -> None:
    assert proxy_for(PUBLIC, **environment) == expected


@pytest.mark.parametrize(
    ("address", "no_proxy", "is_exempt"),
    [
        (PUBLIC, "*", True),
        (PUBLIC, "api.example.org", True),
        (PUBLIC, "API.Example.org", True),
        (PUBLIC, "example.org", True),
        (PUBLIC, ".example.org", True),
        (PUBLIC, "*.example.org", True),
        (PUBLIC, "example.org:8443", True),
        (PUBLIC, "example.org:443", False),
        (PUBLIC, "ample.org", False),
        (PUBLIC, "other.org, example.org", True),
        (PUBLIC, "other.org example.org", True),
        (PUBLIC, "other.org", False),
        (PUBLIC, "", False),
        (PUBLIC, ".", False),
        ("https://8.8.4.4/v1", "8.8.0.0/16", True),
        ("https://8.8.4.4/v1", "8.9.0.0/16", False),
        ("https://8.8.4.4/v1", "8.8.4.4", True),
        ("https://8.8.4.4/v1", "8.8.4.4:443", True),
        ("https://8.8.4.4/v1", "4.4", False),
        ("https://8.8.4.4/v1", "nonsense/x", False),
        ("https://[2001:db8::5]/v1", "2001:db8::/32", True),
        ("https://[2001:db8::5]/v1", "2001:DB8:0::5", True),
        ("https://[2001:db8::5]/v1", "[2001:db8::5]:443", True),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_no_proxy_is_honoured_in_its_forms(address: str, no_proxy: str, is_exempt: bool, variable: str) -> None:
    proxy = proxy_for(address, **PROXIED, **{variable: no_proxy})

    assert (proxy is None) == is_exempt


@pytest.mark.parametrize("proxy", ["socks5://secret:1080", "https://me:secret@proxy:1", "http://secret:x", "http://"])
def test_a_proxy_that_cannot_be_used_is_an_error_only_where_it_is_needed(proxy: str) -> None:
    assert proxy_for("http://127.0.0.1:8080", HTTPS_PROXY=proxy, HTTP_PROXY=proxy) is None
    with pytest.raises(InvalidSetting, match="HTTPS_PROXY") as raised:
        proxy_for(PUBLIC, HTTPS_PROXY=proxy)

    assert "secret" not in str(raised.value)


def test_every_file_of_certificates_counts_that_is_named_and_each_once() -> None:
    variables = {name: f"/{name}" for name in CA_VARIABLES}

    def named(environment: dict[str, str], ca_file: str | None = None) -> list[str]:
        return [file.named_by for file in network_of(environment, ca_file).ca_files]

    assert named({}) == []
    assert named({"NODE_EXTRA_CA_CERTS": "/x", "SSL_CERT_FILE": ""}) == ["NODE_EXTRA_CA_CERTS"]
    assert named(variables, "/own") == ["ANYCLAUDE_CA_FILE", *CA_VARIABLES]
    assert named(dict.fromkeys(CA_VARIABLES, "/x"), "/x") == ["ANYCLAUDE_CA_FILE"]


def test_several_folders_can_be_named() -> None:
    def paths(value: str) -> list[str]:
        return [file.path for file in network_of({"SSL_CERT_DIR": value}, None).ca_files]

    assert paths("/a:/b::/a") == ["/a", "/b"]
    assert paths("C:\\a;D:\\b") == ["C:\\a", "D:\\b"]


def test_a_certificate_that_shows_who_asks_is_that_of_the_client() -> None:
    variables = {"CLAUDE_CODE_CLIENT_CERT": "/c", "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE": "hunter2"}

    certificate = client_certificate(variables)

    assert certificate == ClientCertificate("/c", None, Secret("hunter2"))
    assert "hunter2" not in repr(certificate)
    assert client_certificate({"CLAUDE_CODE_CLIENT_KEY": "/k"}) is None


def test_without_an_environment_every_server_is_reached_directly() -> None:
    assert Network().way_to(parse_address(PUBLIC)).proxy is None
