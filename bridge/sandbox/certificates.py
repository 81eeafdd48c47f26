"""Throw-away certificates for the sandbox's own TLS: an authority, and a server certificate for this computer.

Made to pass OpenSSL 3 with strict X.509 checks: key identifiers, basic constraints and key usage are all there
(RFC 5280, sections 4.2.1.1 to 4.2.1.9).
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = timedelta(days=30)
CLOCK_SKEW = timedelta(hours=1)
"""How far back validity begins, for peers whose clocks are behind."""
HOST_NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")
CA_FILE = "ca.pem"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What a TLS server and its clients need: `context` for the server, `ca_file` for whoever connects."""

    context: ssl.SSLContext
    ca_file: Path


def make_server_tls(folder: Path, *, now: datetime | None = None) -> ServerTls:
    """Make an authority and a server certificate for 127.0.0.1, ::1 and localhost, valid for 30 days.

    `ca.pem` is written into `folder`, which is made if need be. No private key outlives the call on disk.

    Raises:
        OSError: the folder cannot be written.
    """
    moment = now or datetime.now(UTC)
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(ca_key, moment)
    server = _server(server_key, ca_key, authority, moment)
    folder.mkdir(parents=True, exist_ok=True)
    ca_file = folder / CA_FILE
    ca_file.write_bytes(authority.public_bytes(Encoding.PEM))
    return ServerTls(_context(server, server_key), ca_file)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _blank(_name("Sandbox authority"), _name("Sandbox authority"), key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(subject_key, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey, ca_key: ec.EllipticCurvePrivateKey, authority: x509.Certificate, now: datetime
) -> x509.Certificate:
    names = [*map(x509.DNSName, HOST_NAMES), *(x509.IPAddress(ip_address(address)) for address in ADDRESSES)]
    issuer_key = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _blank(_name("Sandbox server"), authority.subject, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _blank(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALID_FOR)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    pem = certificate.public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.TemporaryDirectory() as folder:  # the ssl module reads keys from files only; mode 0700
        chain = Path(folder) / "server.pem"
        chain.write_bytes(pem)
        context.load_cert_chain(chain)
    return context
