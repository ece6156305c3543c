"""The context of connections over TLS."""

import ssl
from pathlib import Path

from anyclaude.errors import InvalidSetting
from anyclaude.network import CaFile, ClientCertificate, Way
from anyclaude.network.way import CLIENT_CERTIFICATE_VARIABLES


def tls_context(way: Way) -> ssl.SSLContext:
    """
    Return a context that trusts the system's certificates, and those in the way's files, which may be folders of them.

    Raises:
        InvalidSetting: when a file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    for ca_file in way.ca_files:
        _trust(context, ca_file)
    if way.client_certificate is not None:
        _show(context, way.client_certificate)
    return context


def _trust(context: ssl.SSLContext, ca_file: CaFile) -> None:
    path = Path(ca_file.path).expanduser()
    try:
        is_folder = path.is_dir()
        context.load_verify_locations(None if is_folder else path, path if is_folder else None)
    except OSError as error:
        what = "holds no certificates in PEM format" if isinstance(error, ssl.SSLError) else error.strerror
        raise InvalidSetting(
            f"the certificates in {path} cannot be read: {what}; correct or unset {ca_file.named_by}"
        ) from error


def _show(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    passphrase = certificate.passphrase.reveal() if certificate.passphrase else ""
    try:
        context.load_cert_chain(certificate.path, certificate.key_path, passphrase)
    except OSError as error:
        what = "it, its key and its passphrase do not fit" if isinstance(error, ssl.SSLError) else error.strerror
        variables = ", ".join(CLIENT_CERTIFICATE_VARIABLES)
        raise InvalidSetting(
            f"the client certificate {certificate.path} cannot be used: {what}; correct {variables}"
        ) from error
