"""The context of connections over TLS."""

import ssl
from pathlib import Path

from anyclaude.errors import InvalidSetting
from anyclaude.network import CaFile


def tls_context(ca_file: CaFile | None) -> ssl.SSLContext:
    """
    Return a context that trusts the system's certificates, and those in `ca_file`, which may also be a folder of them.

    Raises:
        InvalidSetting: when the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    path = Path(ca_file.path).expanduser()
    try:
        is_folder = path.is_dir()
        context.load_verify_locations(None if is_folder else path, path if is_folder else None)
    except OSError as error:
        what = "holds no certificates in PEM format" if isinstance(error, ssl.SSLError) else error.strerror
        raise InvalidSetting(
            f"the certificates in {path} cannot be read: {what}; correct or unset {ca_file.named_by}"
        ) from error
    return context
