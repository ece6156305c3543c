"""The addresses of servers, as people write them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyclaude.errors import InvalidSetting
from anyclaude.network import ServerAddress, parse_address


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("http://host:1", "http://host:1/v1"),
        ("http://host:1/", "http://host:1/v1"),
        ("http://host:1/v1/", "http://host:1/v1"),
        ("https://host/api/v1", "https://host/api/v1"),
        ("  HTTP://LocalHost:8080/v1/  ", "http://localhost:8080/v1"),
        ("http://localhost.:8080/v1.", "http://localhost:8080/v1"),
        ("http://host/v1/chat/completions", "http://host/v1"),
        ("http://host/v1/models/", "http://host/v1"),
        ("http://host/v1/messages", "http://host/v1"),
        ("http://host/v1/messages/count_tokens", "http://host/v1"),
        ("http://host/v1/completions", "http://host/v1"),
        ("http://host/llama/v1/chat/completions", "http://host/llama/v1"),
        ("http://host/chat/completions", "http://host/chat/completions"),
        ("http://host:11434/api/chat", "http://host:11434/v1"),
        ("http://host:1234/api/v1/models", "http://host:1234/v1"),
        ("https://open.bigmodel.cn/api/paas/v4/", "https://open.bigmodel.cn/api/paas/v4"),
        ("http://host:8080/#/chat", "http://host:8080/v1"),
        ("localhost:8080", "http://localhost:8080/v1"),
        ("192.168.1.5:1234", "http://192.168.1.5:1234/v1"),
        ("llama.local/v1", "http://llama.local/v1"),
        ("openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://[::1]", "http://[::1]/v1"),
        ("[::1]:8080", "http://[::1]:8080/v1"),
        ("::1", "http://[::1]/v1"),
        ("http://::1:8080/v1", "http://[::1]:8080/v1"),
        ("http://FD00::A/v1", "http://[fd00::a]/v1"),
        ("http://[fe80::1%25eth0]:80/v1", "http://[fe80::1%eth0]:80/v1"),
        ("unix:/run/llama.sock", "unix:/run/llama.sock"),
        ("unix:///run/llama.sock", "unix:/run/llama.sock"),
        ("unix:/run/llama.sock:/llama/v1", "unix:/run/llama.sock:/llama/v1"),
        ("http+unix://%2Frun%2Fllama.sock", "unix:/run/llama.sock"),
        ("http+unix://%2Frun%2Fllama.sock/v1/chat/completions", "unix:/run/llama.sock"),
        ("http://bücher.example/v1", "http://xn--bcher-kva.example/v1"),
        (' "http://host:1/v1" ', "http://host:1/v1"),
        ("<http://host:1/v1>,", "http://host:1/v1"),
        ("\ufeffhttp://host:1/v1\u200b", "http://host:1/v1"),
        ("http:/127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http:127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http//127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http:\\\\host:8080\\v1", "http://host:8080/v1"),
        ("http://http://host:8080", "http://host:8080/v1"),
        ("http://https://example.org/v1", "https://example.org/v1"),
        ("http:8080", "http://http:8080/v1"),
        ("//host:8080/v1", "http://host:8080/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://localhost：8080", "http://localhost:8080/v1"),
        ("http://host:8080//v1//chat/completions", "http://host:8080/v1"),
        ("http://host:8080/v1/chat", "http://host:8080/v1"),
        ("http://host:1234/api/v0", "http://host:1234/v1"),
    ],
)
def test_an_address_is_taken_as_people_have_it(written: str, shown: str) -> None:
    assert parse_address(written).shown == shown


@pytest.mark.parametrize(
    "written",
    [
        "",
        "http://",
        "http:///v1",
        "http://[::1",
        "http://[::1]x/v1",
        "http://[zz]/v1",
        "http://host:x/v1",
        "http://host:0/v1",
        "http://host:99999/v1",
        "http://host:-1/v1",
        "http://a b/v1",
        "http://host/\x00",
        "http://-host/v1",
        "http://a..b/v1",
        "http://fd00::12:34/v1",
        "ftp://host/v1",
        "file:///etc/passwd",
        "unix:relative.sock",
        "unix:",
        "http+unix:///v1",
        "http://\udcff/v1",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(InvalidSetting, match="write it like"):
        parse_address(written)


def test_a_refusal_does_not_repeat_the_address() -> None:
    with pytest.raises(InvalidSetting) as raised:
        parse_address("http://user:hunter2@host:hunter2/v1?key=hunter2")

    assert "hunter2" not in str(raised.value)


def test_routes_of_the_server_are_below_the_path_of_a_reverse_proxy() -> None:
    address = parse_address("https://example.org/llama/v1")

    assert address.origin == "https://example.org/llama"
    assert address.url_of("/props", at_root=True) == "https://example.org/llama/props"
    assert address.url_of("/models", at_root=False) == "https://example.org/llama/v1/models"


def test_a_query_goes_along_with_each_request_and_is_not_shown() -> None:
    address = parse_address("https://example.org/v1/chat/completions?api-version=3&key=hunter2")

    assert address.url_of("/models", at_root=False) == "https://example.org/v1/models?api-version=3&key=hunter2"
    assert address.path_to("/props?model=m", at_root=True) == "/props?model=m&api-version=3&key=hunter2"
    assert "hunter2" not in f"{address.shown} {address!r}"


@pytest.mark.parametrize(
    ("written", "is_private"),
    [
        ("http://127.0.0.9", True),
        ("http://localhost", True),
        ("http://[::1]", True),
        ("http://[::ffff:10.0.0.1]", True),
        ("http://10.1.2.3", True),
        ("http://172.31.0.1", True),
        ("http://172.32.0.1", False),
        ("http://192.168.0.1", True),
        ("http://169.254.1.1", True),
        ("http://[fe80::1]", True),
        ("http://[fd12::1]", True),
        ("http://printer.local", True),
        ("http://vllm", True),
        ("http://host.docker.internal", True),
        ("http://nas.lan", True),
        ("https://box.tail1234.ts.net", True),
        ("unix:/run/x.sock", True),
        ("http://8.8.8.8", False),
        ("http://[2001:db8::1]", False),
        ("https://openrouter.ai", False),
        ("https://localhost.example.org", False),
    ],
)
def test_an_address_is_private_on_this_machine_and_in_private_networks(written: str, is_private: bool) -> None:
    assert parse_address(written).is_private == is_private


def test_other_bases_are_with_and_without_the_version() -> None:
    def others(written: str) -> list[str]:
        return [address.shown for address in parse_address(written).others()]

    assert others("http://host/llama") == ["http://host/llama/v1", "http://host/v1"]
    assert others("http://host/llama/v1") == ["http://host/v1", "http://host/llama"]
    assert others("http://host") == [
        "http://host/chat/completions",
        "http://host/api/v1",
        "http://host/openai/v1",
    ]


WORDS = st.text(alphabet=st.sampled_from("aB1.-_:/@?#[]%= \t\n\x00é\ud800"), max_size=30)
SCHEMES = st.sampled_from(["", "http://", "https://", "HTTP://", "unix:", "unix://", "http+unix://", "ftp://", "://"])


@given(SCHEMES, st.one_of(WORDS, st.text(max_size=30)))
@example("http://", "user:secret@host:1/a/v1/chat/completions?key=secret")
def test_any_text_is_an_address_or_an_invalid_setting(scheme: str, rest: str) -> None:
    try:
        address = parse_address(scheme + rest)
    except InvalidSetting:
        return

    assert parse_address(address.written) == address
    assert parse_address(address.shown).shown == address.shown


HOSTS = st.sampled_from(["localhost", "example.org", "10.0.0.1", "[::1]", "[fd00::1]"])
SECRETS = st.text(alphabet="QXZ7%40", min_size=8, max_size=16)


@given(HOSTS, st.none() | st.integers(1, 65535), SECRETS, SECRETS, st.sampled_from(["", "/v1", "/a/v1/models", "/api"]))
def test_no_secret_is_shown_and_each_is_kept(host: str, port: int | None, user: str, value: str, path: str) -> None:
    place = host if port is None else f"{host}:{port}"
    address = parse_address(f"http://{user}:{value}@{place}{path}?key={value}")

    assert isinstance(address, ServerAddress)
    assert user not in address.shown
    assert value not in f"{address.shown} {address!r} {address.origin}"
    assert value.rstrip(".") in address.query
    assert address.credentials is not None
