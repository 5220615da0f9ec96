"""A C2PA manifest in a spoken file: signed metadata that says "a machine made this"; by c2pa-python where installed.

The open standard of cameras, editors and web sites (C2PA 2; the badge is called Content Credentials). A manifest is
bound to the file's bytes: one changed byte is noticed. Any re-encoding drops it, which is why the provenance ledger and
the watermark stand beside it.

A signature is worth what its certificate is worth. Where no certificate of yours is named (`CERTIFICATE_VARIABLE`,
`KEY_VARIABLE`), one is made for this computer; readers then say "valid, signer unknown".
"""

from __future__ import annotations

import functools
import importlib.util
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock

from coursekit.files import write_bytes_atomic
from voice_pipeline import __version__
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError

INSTALL = "python -m pip install c2pa-python cryptography"
FORMATS = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}
"""Formats a manifest can stand in, with their media types; Ogg, AAC and bare samples hold none."""

CERTIFICATE_VARIABLE, KEY_VARIABLE = "VOICE_C2PA_CERTIFICATE", "VOICE_C2PA_KEY"
ASSERTION = "voice.provenance"
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

_PLACE = ".c2pa"
_YEARS = 5
_NAMED = ("id", "voice", "consent", "consent_kind", "engine", "weights_sha256", "seed", "speed", "watermark")
_NO_NETWORK = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True)
class Credentials:
    """A manifest found in a file.

    Attributes:
        valid: signature and content fit the file.
        known_signer: the signer's certificate is on a list of trusted ones.
        signer: organisation named in the certificate, plain ASCII.
        synthetic: it says that a trained model made the sound.
        record: our assertion in it (id, voice, consent, model, seed); empty in files of others.
        problems: status codes of C2PA for what does not fit.
    """

    valid: bool
    known_signer: bool
    signer: str
    synthetic: bool
    record: dict[str, Any]
    problems: tuple[str, ...]


def is_installed() -> bool:
    """Whether the libraries are there; nothing is loaded."""
    return all(importlib.util.find_spec(name) is not None for name in ("c2pa", "cryptography"))


def check_possible(audio_format: str) -> None:
    """Refuse early what `sign` could not do.

    Raises:
        PipelineError: the library is not installed, or the format holds no manifest.
    """
    if audio_format not in FORMATS:
        raise PipelineError(
            f"a C2PA manifest cannot stand in '{audio_format}'", hint=f"use one of {', '.join(FORMATS)}: --out FILE.wav"
        )
    if not is_installed():
        raise PipelineError("a C2PA manifest needs the packages c2pa-python and cryptography", hint=INSTALL)


def sign(data: bytes, audio_format: str, details: Mapping[str, Any], home: Path) -> bytes:
    """Put a signed manifest into an encoded file.

    Args:
        data: the file, from `audio.encode`.
        audio_format: a key of `FORMATS`.
        details: from `provenance.describe_speech`; the names of `_NAMED` go in. The text does not.
        home: where voice folders live; the certificate made for this computer is kept there.

    Returns:
        the file with its manifest, about 4 kB longer.

    Raises:
        PipelineError: see `check_possible`; or the certificate does not work.
    """
    check_possible(audio_format)
    import c2pa

    chain, key = signing_identity(home)
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, key, None)  # no time stamp: that would ask a server
    signed = io.BytesIO()
    try:
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_manifest(details), _offline()) as builder:
            builder.sign(signer, FORMATS[audio_format], io.BytesIO(data), signed)
    except c2pa.C2paError as error:
        raise PipelineError(
            f"the C2PA manifest could not be signed: {error}",
            hint=f"check {CERTIFICATE_VARIABLE} and {KEY_VARIABLE} (ES256, PEM), or delete {home / _PLACE}",
        ) from error
    return signed.getvalue()


def read(path: Path) -> Credentials | None:
    """The manifest of a file; None where there is none or the library is not installed. No network is touched."""
    if not is_installed():
        return None
    import c2pa

    with open(path, "rb") as file:
        kind = _kind(file.read(12))
        if kind is None:
            return None
        file.seek(0)
        try:
            with c2pa.Reader(kind, file, None, _offline()) as reader:
                found = json.loads(reader.json())
        except c2pa.C2paError:
            return None
    return _credentials(found)


def _credentials(found: dict[str, Any]) -> Credentials | None:
    manifest = found.get("manifests", {}).get(found.get("active_manifest", ""))
    if manifest is None:
        return None
    assertions = {entry["label"]: entry["data"] for entry in manifest.get("assertions", [])}
    lists = [data["actions"] for name, data in assertions.items() if name.startswith("c2pa.actions")]
    problems = tuple(sorted({entry["code"] for entry in found.get("validation_status", [])} - {_UNTRUSTED}))
    state = found.get("validation_state", "Invalid")
    signer = (manifest.get("signature_info") or {}).get("issuer") or "unknown"
    return Credentials(
        valid=state in ("Valid", "Trusted"),
        known_signer=state == "Trusted",
        signer=signer.encode("ascii", "backslashreplace").decode(),
        synthetic=any(action.get("digitalSourceType") == TRAINED for actions in lists for action in actions),
        record=dict(assertions.get(ASSERTION, {})),
        problems=problems,
    )


def _manifest(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "claim_generator_info": [{"name": "voice_pipeline", "version": __version__}],
        "title": f"Synthetic speech, voice '{details['voice']}'",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": TRAINED}]},
            },
            {"label": ASSERTION, "data": {name: details[name] for name in _NAMED if details.get(name) is not None}},
        ],
    }


@functools.cache
def _offline() -> Any:
    import c2pa

    return c2pa.Context(settings=c2pa.Settings.from_dict(_NO_NETWORK))


def _kind(head: bytes) -> str | None:
    """Media type by content; names are not trusted."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return FORMATS["wav"]
    if head[:4] == b"fLaC":
        return FORMATS["flac"]
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return FORMATS["mp3"]
    return None


# ----------------------------------------------------------------------------------------------------------------------
# the signer


def signing_identity(home: Path) -> tuple[bytes, bytes]:
    """Certificate chain and private key, PEM: the ones the environment names, else this computer's own.

    Raises:
        PipelineError: only one of the two is named, or a file cannot be read.
    """
    given = [os.environ.get(name) for name in (CERTIFICATE_VARIABLE, KEY_VARIABLE)]
    if any(given):
        if not all(given):
            raise PipelineError(
                f"{CERTIFICATE_VARIABLE} and {KEY_VARIABLE} belong together", hint="set both, or neither"
            )
        try:
            chain, key = (Path(name).expanduser().read_bytes() for name in given if name)
        except OSError as error:
            raise PipelineError(
                f"the C2PA certificate cannot be read: {error.strerror or error}", hint=f"check {CERTIFICATE_VARIABLE}"
            ) from error
        return chain, key
    place = home / _PLACE
    chain_file, key_file = place / "certificate.pem", place / "key.pem"
    with writing_to(place):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(place / ".lock", timeout=60):
            if not (chain_file.is_file() and key_file.is_file() and _lasts(chain_file.read_bytes())):
                chain, key = make_certificate()
                write_bytes_atomic(key_file, key)
                key_file.chmod(0o600)
                write_bytes_atomic(chain_file, chain)
            return chain_file.read_bytes(), key_file.read_bytes()


def _lasts(chain: bytes) -> bool:
    """Whether a certificate is good for another day."""
    from cryptography import x509

    try:
        first = x509.load_pem_x509_certificates(chain)[0]
    except (ValueError, IndexError):
        return False
    return first.not_valid_after_utc > datetime.now(timezone.utc) + timedelta(days=1)


def make_certificate() -> tuple[bytes, bytes]:
    """A certificate for signing, by an authority made for it and forgotten: (chain, private key), PEM, ES256.

    C2PA refuses a certificate that signs itself, so there have to be two (C2PA 2.2, "X.509 Certificates").
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(common: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "voice_pipeline on this computer (self-made)")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])

    usage = dict.fromkeys(
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only".split(),
        False,
    )
    begin = datetime.now(timezone.utc) - timedelta(minutes=5)
    authority, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def certificate(subject: str, owner: ec.EllipticCurvePrivateKey, **used: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("authority"))
            .public_key(owner.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=365 * _YEARS))
            .add_extension(x509.KeyUsage(**{**usage, **used}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(owner.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        )

    root = certificate("authority", authority, key_cert_sign=True, crl_sign=True).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    leaf = (
        certificate("speech", signer, digital_signature=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    )
    chain = b"".join(
        part.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) for part in (leaf, root)
    )
    key = signer.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return chain, key
