"""The context of connections over TLS."""

import ssl
from pathlib import Path

from anyclaude.errors import InvalidSetting
from anyclaude.network import CaFile, ClientCertificate, Way
from anyclaude.network.way import CA_FILE_VARIABLE, CLIENT_CERTIFICATE_VARIABLES

OUT_OF_DATE = frozenset({9, 10})
FOR_ANOTHER_NAME = frozenset({62, 64})
"""OpenSSL's numbers for a certificate that is not yet valid or has expired, and for one of another host name or IP
address (x509_vfy.h)."""


def tls_context(way: Way) -> ssl.SSLContext:
    """
    Return a context that trusts the system's certificates, and those in the way's files, which may be folders of them.

    Raises:
        InvalidSetting: when a file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    _trust_system(context)
    for ca_file in way.ca_files:
        _trust(context, ca_file)
    if way.client_certificate is not None:
        _show(context, way.client_certificate)
    if not way.checks_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def why_untrusted(error: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with a certificate, and what to do about it."""
    if error.verify_code in OUT_OF_DATE:
        remedy = "Its administrator has to renew it, unless this machine's clock is wrong"
    elif error.verify_code in FOR_ANOTHER_NAME:
        remedy = "Reach the server by a name that the certificate is for"
    else:
        remedy = f"If it is your own or your company's, name its file: {CA_FILE_VARIABLE}=/path/to/certificate.pem"
    return f"{error.verify_message.rstrip('.')}. {remedy}"


def _trust_system(context: ssl.SSLContext) -> None:
    """Trust the system's certificates also where a variable of OpenSSL's replaces them: what is named adds to them."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile != paths.openssl_cafile and Path(paths.openssl_cafile).is_file():
        context.load_verify_locations(cafile=paths.openssl_cafile)
    if paths.capath != paths.openssl_capath and Path(paths.openssl_capath).is_dir():
        context.load_verify_locations(capath=paths.openssl_capath)


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
