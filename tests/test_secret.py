"""Texts that must not be shown."""

import copy
import json
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.secret import Hidden, Masks, Secret, know_secrets_of, masked, without_secrets


@pytest.mark.parametrize("kind", [Secret, Hidden])
def test_only_reveal_shows_a_secret(kind: type[Hidden]) -> None:
    secret = kind("hunter2")
    shown = [repr(secret), str(secret), f"{secret}", f"{[secret]}", repr(copy.copy(secret))]

    assert secret.reveal() == "hunter2"
    assert not any("hunter2" in text for text in shown)


def masks(*secrets: str) -> Masks:
    known = Masks()
    for secret in secrets:
        known.add(secret)
    return known


KEYS = st.text(st.characters(min_codepoint=33, exclude_categories=["Cs"]), min_size=8, max_size=60).filter(
    lambda text: any(c.isdigit() for c in text) and any(c.isalpha() for c in text) and "://" not in text
)


@given(key=KEYS, before=st.text(max_size=9))
def test_a_key_is_masked_in_every_form(key: str, before: str) -> None:
    known = masks(key)
    in_base64 = b64encode((before + key).encode(errors="replace")).decode()

    assert known.masked(key) == "***"
    assert known.masked(quote(key, safe="")) == "***"
    assert known.masked(json.dumps({"k": key})) == '{"k": "***"}'
    assert known.masked(json.dumps({"k": key}, ensure_ascii=False)) == '{"k": "***"}'
    assert known.masked(in_base64) != in_base64


@given(key=KEYS, text=st.text(max_size=80))
def test_masking_again_changes_nothing(key: str, text: str) -> None:
    known = masks(key)
    once = known.masked(f"{text}{key}{text}")

    assert known.masked(once) == once


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("none", "none of these", "none of these"),
        ("abc", "abc", "abc"),
        ("EMPTY", "an empty list", "an empty list"),
        ("ollama", "Ollama, ollama", "Ollama, ollama"),
        ("12345", "12345 tokens", "12345 tokens"),
        ("k3y", "k3y", "k3y"),
        ("k3yz", "k3yz", "***"),
        ("model", "the model", "the model"),
        ("secret", "secretary, secret: a%3Asecret", "secretary, ***: a%3A***"),
        ("123456", "1234567, 123456", "1234567, ***"),
        ("Bearer tok-1234", "tok-1234 and Bearer tok-1234", "*** and ***"),
        ("Basic dXNlcjpoNG50ZXI=", "user:h4nter, h4nter, dXNlcjpoNG50ZXI=, user", "***, ***, ***, user"),
        ("http://proxy:3128", "http://proxy:3128 refuses", "http://proxy:3128 refuses"),
        ("http://me:h4n%2Fter@proxy", "h4n/ter, h4n%2Fter, me:h4n/ter, proxy", "***, ***, ***, proxy"),
        ("sk-0123456789abcdefghijklmn", "sk-0123456789abcd… and sk-01234", "*** and sk-01234"),
    ],
)
def test_what_protects_nothing_is_no_secret_and_words_are_masked_where_they_stand_alone(
    secret: str, text: str, shown: str
) -> None:
    assert masks(secret).masked(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pw@host/v1?x=a@b", "http://***@host/v1?x=a@b"),
        ("see https://u@host:8 and ftp://a:b:c@d@host", "see https://***@host:8 and ftp://***@host"),
        (r"http:\/\/u:p@host", r"http:\/\/***@host"),
        (
            "https://registry.npmjs.org/@anthropic-ai/claude-code",
            "https://registry.npmjs.org/@anthropic-ai/claude-code",
        ),
        ("me@host, git@github.com:a/b", "me@host, git@github.com:a/b"),
    ],
)
def test_user_and_password_in_any_url_are_masked(text: str, shown: str) -> None:
    assert Masks().masked(text) == shown


def test_an_environment_tells_its_secrets_by_the_names_of_its_variables() -> None:
    know_secrets_of(
        {
            "SOME_API_KEY": "value-of-key-1",
            "db_password": "value-of-key-2",
            "SSL_CLIENT_KEY": "/home/me/value-of-key-3.pem",
            "ANTHROPIC_CUSTOM_HEADERS": "x-a: value-of-key-4\nx-b: value-of-key-5",
            "ANY": "https://me:value-of-key-6@host",
            "MAX_TOKENS": "value-of-key-7",
        }
    )

    shown = masked(" ".join(f"value-of-key-{number}" for number in range(1, 8)))

    assert shown == "*** *** value-of-key-3 *** *** *** value-of-key-7"


def test_an_environment_without_secrets_keeps_the_other_variables() -> None:
    environment = {"PATH": "/bin", "LLAMA_API_KEY": "x", "HF_TOKEN": "y", "OMP_NUM_THREADS": "4"}

    assert without_secrets(environment) == {"PATH": "/bin", "OMP_NUM_THREADS": "4"}
