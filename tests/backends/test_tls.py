"""Which certificates a connection over TLS trusts."""

import re
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.certificate import KEY, write_certificate

from anyclaude.backends.tls import tls_context, why_untrusted
from anyclaude.errors import InvalidSetting
from anyclaude.network import CaFile, ClientCertificate, Way


def trusting(path: Path, named_by: str = "ANYCLAUDE_CA_FILE") -> Way:
    return Way(ca_files=(CaFile(str(path), named_by),))


def test_certificates_are_trusted_besides_the_systems(tmp_path: Path) -> None:
    certificate, _ = write_certificate(tmp_path)
    system = tls_context(Way()).get_ca_certs(binary_form=True)

    trusted = tls_context(trusting(certificate)).get_ca_certs(binary_form=True)

    assert len(trusted) == len(system) + 1


def test_a_folder_of_certificates_can_be_named(tmp_path: Path) -> None:
    assert tls_context(trusting(tmp_path)).check_hostname


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_an_error_with_the_variable_and_the_file(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "certificates.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(InvalidSetting, match=rf"{re.escape(str(file))}.*CURL_CA_BUNDLE"):
        tls_context(trusting(file, "CURL_CA_BUNDLE"))


def test_a_client_certificate_that_cannot_be_used_is_an_error_with_its_file_and_the_variables(tmp_path: Path) -> None:
    certificate, _ = write_certificate(tmp_path)

    with pytest.raises(InvalidSetting, match=rf"{re.escape(str(certificate))}.*CLAUDE_CODE_CLIENT_KEY"):
        tls_context(Way(client_certificate=ClientCertificate(str(certificate), str(certificate))))


def test_a_client_certificate_is_shown_to_a_server_that_wants_one(tmp_path: Path) -> None:
    certificate, server = write_certificate(tmp_path)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(certificate)
    own = ClientCertificate(str(certificate), str(tmp_path / KEY))

    shake_hands(tls_context(replace(trusting(certificate), client_certificate=own)), server)
    with pytest.raises(ssl.SSLError):
        shake_hands(tls_context(trusting(certificate)), server)


def test_the_systems_certificates_count_also_where_a_variable_names_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, server = write_certificate(tmp_path)
    paths = ssl.get_default_verify_paths()
    monkeypatch.setattr(
        ssl, "get_default_verify_paths", lambda: paths._replace(cafile="", openssl_cafile=str(certificate))
    )

    shake_hands(tls_context(Way()), server)


def test_a_certificate_is_checked_unless_the_way_says_otherwise(tmp_path: Path) -> None:
    _, server = write_certificate(tmp_path, "DNS:other.example")

    shake_hands(tls_context(Way(checks_certificate=False)), server)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls_context(Way()), server)


@pytest.mark.parametrize(
    ("name", "is_expired", "is_named", "fault", "remedy"),
    [
        ("IP:127.0.0.1", False, False, "self-signed certificate", "ANYCLAUDE_CA_FILE"),
        ("IP:127.0.0.1", True, True, "has expired", "renew"),
        ("DNS:other.example", False, True, "not valid for '127.0.0.1'", "a name that the certificate is for"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_with_what_helps(
    tmp_path: Path, name: str, is_expired: bool, is_named: bool, fault: str, remedy: str
) -> None:
    certificate, server = write_certificate(tmp_path, name, is_expired=is_expired)

    with pytest.raises(ssl.SSLCertVerificationError) as raised:
        shake_hands(tls_context(trusting(certificate) if is_named else Way()), server)
    words = why_untrusted(raised.value)

    assert fault in words
    assert remedy in words
    assert ("ANYCLAUDE_CA_FILE" in words) == (not is_named)


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Connect a client to a server at 127.0.0.1, in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    waiting = list(sides)
    while waiting:
        for side in tuple(waiting):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
                waiting.remove(side)
