"""What is asked of the registry, and what it announces."""

import hashlib
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import ClientUnavailable
from anyclaude.launcher.client.finding import Machine
from anyclaude.launcher.client.package_source import (
    Distribution,
    Source,
    address_of,
    distribution_in,
    expected_digest,
    source_for,
)
from anyclaude.launcher.client.platform_package import PlatformPackage

PACKAGE = PlatformPackage("linux-x64")


def source(registry: str = "", version: str = "9.9.9") -> Source:
    """Return the source for a user with this registry."""
    return source_for(Machine({"npm_config_registry": registry}, Path("/nowhere"), version), PACKAGE)


@pytest.mark.parametrize(
    ("registry", "address"),
    [
        ("", "https://registry.npmjs.org/@anthropic-ai%2Fclaude-code-linux-x64"),
        ("http://localhost:4873/", "http://localhost:4873/@anthropic-ai%2Fclaude-code-linux-x64"),
        ("https://u:p@h/api/npm/v1", "https://h/api/npm/v1/@anthropic-ai%2Fclaude-code-linux-x64"),
    ],
)
def test_the_package_is_asked_for_below_the_registrys_address(registry: str, address: str) -> None:
    assert source(registry).address == address


@pytest.mark.parametrize("registry", ["ftp://h", "h", "https://", "https://[", "https://s3cret@ h", "file:///etc"])
def test_what_is_no_address_is_an_error_that_does_not_show_it(registry: str) -> None:
    with pytest.raises(ClientUnavailable, match="npm config get registry") as caught:
        source(registry)

    assert "s3cret" not in str(caught.value)


@given(st.text())
def test_every_address_is_a_server_or_an_error(text: str) -> None:
    for url in (text, f"https://{text}"):
        try:
            assert address_of(url).host
        except ClientUnavailable:
            continue


@given(st.sets(st.sampled_from(["sha512", "sha384", "sha256", "sha1", "md5"]), min_size=1), st.binary())
def test_the_strongest_digest_counts(algorithms: set[str], archive: bytes) -> None:
    def digest(algorithm: str) -> bytes:
        return hashlib.new(algorithm, archive).digest()

    text = " ".join(f"{name}-{b64encode(digest(name)).decode()}?option" for name in sorted(algorithms))
    announced = Distribution("https://h/a.tgz", text)
    strong = [name for name in ("sha512", "sha384", "sha256") if name in algorithms]
    if strong:
        assert expected_digest(announced) == (strong[0], digest(strong[0]))
    else:
        with pytest.raises(ClientUnavailable, match="digest"):
            expected_digest(announced)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"versions": []}', b'{"versions": {"9.9.9": {}}}'])
def test_what_is_no_description_of_a_package_is_reported(body: bytes) -> None:
    with pytest.raises(ClientUnavailable, match="does not answer as a registry"):
        distribution_in(body, source())


@pytest.mark.parametrize("body", [b"{}", b'{"versions": {"1.0.0": {"dist": "damaged"}}}'])
def test_a_release_that_is_not_there_is_reported_with_its_name(body: bytes) -> None:
    with pytest.raises(ClientUnavailable, match=r"no @anthropic-ai/claude-code-linux-x64@9\.9\.9"):
        distribution_in(body, source())


@pytest.mark.parametrize("tarball", ["", "http://[/a.tgz", "ftp://h/a.tgz", "/a.tgz"])
def test_an_archive_without_a_usable_address_is_reported(tarball: str) -> None:
    with pytest.raises(ClientUnavailable):
        source().tarball_url(Distribution(tarball))
