"""The checks on the headers of a request."""

import pytest

from anyclaude.errors import Forbidden, Unauthorized
from anyclaude.secret import Secret
from anyclaude.server.guard import Guard, is_loopback

LOCAL = {"Host": "127.0.0.1:49152"}


def check(guard: Guard, headers: dict[str, str]) -> None:
    guard.check_origin(headers)
    guard.check_token(headers)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:1", "127.9.9.9:1", "localhost", "LocalHost:65535", "[::1]:49152", "[::1]", "localhost.:1"],
)
def test_loopback_names_and_addresses_are_allowed(host: str) -> None:
    check(Guard(), {"Host": host})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_a_loopback_name_is_recognised(name: str, expected: bool) -> None:
    assert is_loopback(name) is expected


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "0.0.0.0", "192.168.1.2", "[::]", "localhost.evil.example", "", " ", "."),
        *("127.0.0.1@evil.example", "127.0.0.1:x@evil.example", "127.0.0.1:1@evil.example", "x@127.0.0.1"),
        *("[::1]evil", "[::1].evil.example", "[::1", "::1", "[::1]:", "[::1]:x", "[::1]:1:1", "[::1%lo]", "[::1%25lo]"),
        *("[127.0.0.1]", "[localhost]", "[]", "[:]", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:1:1", "localhost:http"),
        *("127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1:1 "),
        *("127.0.0.1:٨٠", "١٢٧.0.0.1", "127.0.0.1.", "127.0.0.1..", "localhost..", ".localhost", "127.1", "2130706433"),
        *(
            "127.0.0.1/",
            "127.0.0.1 evil",
            "127.0.0.1,evil",
            "127.0.0.1\tevil",
            "127.0.0.1?",
            "127.0.0.1#",
            "localhost\\",
        ),
        *("http://127.0.0.1", "localhost%00", "127.0.0.1\xa0", "\uff4cocalhost"),
    ],
)
def test_other_host_names_are_refused(host: str) -> None:
    with pytest.raises(Forbidden, match="not a loopback name or address"):
        check(Guard(), {"Host": host})


def test_a_name_that_the_user_allows_is_no_other_name() -> None:
    guard = Guard(allowed_hosts=frozenset({"host.docker.internal"}))

    check(guard, {"Host": "Host.Docker.Internal:49152"})
    with pytest.raises(Forbidden):
        check(guard, {"Host": "host.doc\u212aer.internal"})  # its lower case is a k
    with pytest.raises(Forbidden, match=r"ANYCLAUDE_ALLOWED_HOSTS=gateway\.docker\.internal"):
        check(guard, {"Host": "gateway.docker.internal:49152"})


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("fd00::1", "[fd00::1]:49152"),
        ("192.168.1.2", "192.168.1.2"),
        ("box.tail1234.ts.net", "box.tail1234.ts.net.:443"),
    ],
)
def test_addresses_and_names_with_a_closing_dot_can_be_allowed(allowed: str, host: str) -> None:
    check(Guard(allowed_hosts=frozenset({allowed})), {"Host": host})
    with pytest.raises(Forbidden, match=f"ANYCLAUDE_ALLOWED_HOSTS={allowed}$"):
        check(Guard(), {"Host": host})


def test_a_request_without_a_host_is_refused() -> None:
    with pytest.raises(Forbidden):
        check(Guard(), {})


def test_on_other_addresses_any_host_is_allowed_with_the_token() -> None:
    guard = Guard(host="0.0.0.0", token=Secret("t"))

    check(guard, {"Host": "my-laptop.local:49152", "x-api-key": "t"})
    with pytest.raises(Unauthorized):
        check(guard, {"Host": "my-laptop.local:49152"})


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:49152", "null", ""])
def test_requests_of_web_pages_are_refused(origin: str) -> None:
    with pytest.raises(Forbidden, match="ANYCLAUDE_ALLOWED_ORIGINS"):
        check(Guard(), {**LOCAL, "Origin": origin})


def test_requests_of_an_allowed_origin_pass() -> None:
    guard = Guard(allowed_origins=frozenset({"http://localhost:3000"}))

    check(guard, {**LOCAL, "Origin": "http://localhost:3000"})
    with pytest.raises(Forbidden):
        check(guard, {**LOCAL, "Origin": "http://localhost:30000"})


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer secret"}, {"Authorization": "bearer  secret"}, {"x-api-key": "secret"}],
)
def test_the_token_is_accepted_in_both_headers_that_clients_use(headers: dict[str, str]) -> None:
    guard = Guard(token=Secret("secret"))

    check(guard, {**LOCAL, **headers})
    with pytest.raises(Unauthorized):
        check(guard, {**LOCAL, **{name: value + "x" for name, value in headers.items()}})


@pytest.mark.parametrize("presented", ["", "secre", "secret ", "SECRET", "sécret", "\udcff"])
def test_a_wrong_token_is_refused_and_the_error_does_not_contain_the_right_one(presented: str) -> None:
    with pytest.raises(Unauthorized) as refused:
        Guard(token=Secret("secret")).check_token({**LOCAL, "x-api-key": presented})

    assert "secret" not in str(refused.value)
