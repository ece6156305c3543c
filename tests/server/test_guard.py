"""Who may talk to the gateway."""

import pytest

from anyclaude.errors import Forbidden, Unauthorized
from anyclaude.secret import Secret
from anyclaude.server.guard import Guard, is_loopback

LOCAL = {"Host": "127.0.0.1:49152"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "127.9.9.9:1", "localhost", "LocalHost:49152", "[::1]:49152", "[::1]"]
)
def test_every_name_of_this_machines_loopback_passes(host: str) -> None:
    Guard().check({"Host": host})

    assert is_loopback(host.removeprefix("[").partition("]")[0] if "[" in host else host.partition(":")[0])


@pytest.mark.parametrize(
    "host", ["evil.example", "0.0.0.0", "192.168.1.2", "[::]", "localhost.evil.example", "127.0.0.1@evil.example", ""]
)
def test_a_name_that_a_web_page_could_have_rebound_does_not(host: str) -> None:
    with pytest.raises(Forbidden, match="not a loopback name or address"):
        Guard().check({"Host": host})


def test_a_request_without_a_host_does_not_pass() -> None:
    with pytest.raises(Forbidden):
        Guard().check({})


def test_on_an_open_address_the_token_protects_and_any_name_passes() -> None:
    guard = Guard(host="0.0.0.0", token=Secret("t"))

    guard.check({"Host": "my-laptop.local:49152", "x-api-key": "t"})
    with pytest.raises(Unauthorized):
        guard.check({"Host": "my-laptop.local:49152"})


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:49152", "null", ""])
def test_a_web_page_does_not_pass(origin: str) -> None:
    with pytest.raises(Forbidden, match="ANYCLAUDE_ALLOWED_ORIGINS"):
        Guard().check({**LOCAL, "Origin": origin})


def test_a_web_page_that_is_allowed_passes() -> None:
    guard = Guard(allowed_origins=frozenset({"http://localhost:3000"}))

    guard.check({**LOCAL, "Origin": "http://localhost:3000"})
    with pytest.raises(Forbidden):
        guard.check({**LOCAL, "Origin": "http://localhost:30000"})


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer secret"}, {"Authorization": "bearer  secret"}, {"x-api-key": "secret"}],
)
def test_the_token_comes_in_either_header_the_client_uses(headers: dict[str, str]) -> None:
    guard = Guard(token=Secret("secret"))

    guard.check({**LOCAL, **headers})
    with pytest.raises(Unauthorized):
        guard.check({**LOCAL, **{name: value + "x" for name, value in headers.items()}})


@pytest.mark.parametrize("presented", ["", "secre", "secret ", "SECRET", "sécret", "\udcff"])
def test_a_token_that_is_not_the_same_does_not_pass_and_is_not_repeated(presented: str) -> None:
    with pytest.raises(Unauthorized) as refused:
        Guard(token=Secret("secret")).check({**LOCAL, "x-api-key": presented})

    assert "secret" not in str(refused.value)
