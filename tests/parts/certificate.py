"""A certificate of one's own for a server on loopback."""

import ssl
import subprocess
from pathlib import Path


def write_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Write a self-signed certificate for 127.0.0.1; return its file, and the context of a server that has it."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context
