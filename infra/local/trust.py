"""The local cloud's certificate authority: databases are verified for real, under the host names that RDS
gives them."""

from __future__ import annotations

import datetime
import threading
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.local.settings import Settings

_YEARS = datetime.timedelta(days=3650)
_making = threading.RLock()
"""Held while something is made: tasks that start together would otherwise each make an authority, and the last one to write
its key need not be the last to write its certificate."""


def bundle(settings: Settings) -> Path:
    """Return the file that stands in containers where AWS's bundle does (`settings.trust_mount`); made at the
    first call."""
    path = settings.state / "trust" / "bundle.pem"
    with _making:
        if not path.exists():
            _make_authority(settings, path)
    return path


def issue(settings: Settings, host: str) -> Path:
    """Return a folder with `server.crt` and `server.key` for `host`, signed by our authority."""
    folder = settings.state / "trust" / host
    with _making:
        if not (folder / "server.crt").exists():
            _make_server(settings, folder, host)
    return folder


def _make_server(settings: Settings, folder: Path, host: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    authority = x509.load_pem_x509_certificate(bundle(settings).read_bytes())
    signer = _load_key(settings.state / "trust" / "authority.key")
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    certificate = _builder(host[:64], authority.subject, key.public_key()).add_extension(
        names, critical=False
    )
    _write_key(key, folder / "server.key")
    _write(folder / "server.crt", certificate.sign(signer, hashes.SHA256()))


def _make_authority(settings: Settings, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{settings.name} local RDS authority")])
    certificate = _builder(f"{settings.name} local RDS authority", name, key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    _write_key(key, path.parent / "authority.key")
    _write(path, certificate.sign(key, hashes.SHA256()))


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _YEARS)
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    return cast(
        ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(path.read_bytes(), password=None)
    )


def _write_key(key: ec.EllipticCurvePrivateKey, path: Path) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _write(path: Path, certificate: x509.Certificate) -> None:
    """Write a certificate, after its key: where it stands whole, both do, whatever ended the process meanwhile."""
    beside = path.with_suffix(".new")
    beside.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    beside.replace(path)
