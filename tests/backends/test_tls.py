"""Which certificates a connection over TLS trusts."""

import re
from pathlib import Path

import pytest
from tests.parts.certificate import write_certificate

from anyclaude.backends.tls import tls_context
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
