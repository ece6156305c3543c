"""A certificate of one's own for a server on loopback."""

import ssl
import subprocess
from pathlib import Path

KEY = "key.pem"
"""The file beside the certificate that has its key."""


def write_certificate(
    folder: Path, name: str = "IP:127.0.0.1", *, is_expired: bool = False
) -> tuple[Path, ssl.SSLContext]:
    """Write a self-signed certificate; return its file, and the context of a server that has it."""
    certificate, key = folder / "certificate.pem", folder / KEY
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", f"subjectAltName={name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    if is_expired:
        words = ["openssl", "x509", "-in", str(certificate), "-signkey", str(key), "-days", "-1"]
        subprocess.run([*words, "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context
