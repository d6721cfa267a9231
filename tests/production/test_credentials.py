"""Signed manifests, read back by the C2PA library; the certificates are made here, as OpenSSL would."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from vmas_pipeline.command.main import main
from vmas_pipeline.production.record import read_record

from ..tiny_model import film, tiny_generator


def certificate(folder: Path, name: str, days: int = 30) -> tuple[Path, Path]:
    """A certificate for signing documents with the authority that vouches for it, and its key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("an authority", authority_key, None, authority_key, 60)
    own = _certificate(name, key, authority, authority_key, days)
    pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (own, authority))
    (folder / f"{name}.pem").write_bytes(pem)
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return folder / f"{name}.pem", folder / f"{name}.key"


def _certificate(name: str, key: Any, issuer: Any, issuer_key: Any, days: int) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(oid, name) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)])
    now = datetime.datetime.now(datetime.UTC)
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usages = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    authority = issuer is None
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject if authority else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=40))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(True, key_cert_sign=authority, crl_sign=authority, **usages), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("work")
    tiny_generator().save(root / "model")
    film(root / "film.mp4", 0.4)
    certificate(root, "maker")
    return root


def generate(work: Path, out: Path, *options: str) -> None:
    files = ("--c2pa-certificate", str(work / "maker.pem"), "--c2pa-key", str(work / "maker.key"))
    main(["generate", str(work / "film.mp4"), "--out", str(out), "--model", str(work / "model"), *files, *options])


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("out.mp4", ["compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"]),
        ("out.wav", ["trainedAlgorithmicMedia"]),
    ],
)
def test_the_manifest_says_what_a_model_made_and_is_broken_by_any_change(
    work: Path, tmp_path: Path, name: str, types: list[str]
) -> None:
    import c2pa

    out = tmp_path / name
    generate(work, out)
    record = read_record(out)
    manifest = _active(out)
    assertions = {each["label"]: each["data"] for each in manifest["assertions"]}
    actions = next(data["actions"] for label, data in assertions.items() if label.startswith("c2pa.actions"))
    assert [action["digitalSourceType"].rsplit("/", 1)[1] for action in actions] == types
    assert json.loads(assertions["org.vmas-pipeline.record"]["json"]) == record and record["signed"]  # type: ignore[index]
    assert manifest["signature_info"]["issuer"] == "maker"
    changed = bytearray(out.read_bytes())
    changed[len(changed) * 3 // 4 if name == "out.wav" else changed.index(b"mdat") + 20] ^= 1
    out.write_bytes(changed)
    assert c2pa.Reader(out).get_validation_state() == "Invalid"


def _active(path: Path) -> dict[str, Any]:
    import c2pa

    reader = c2pa.Reader(path)
    told = json.loads(reader.json())
    assert reader.get_validation_state() == "Valid"
    assert [each["code"] for each in told["validation_status"]] == ["signingCredential.untrusted"]  # nobody's root
    return told["manifests"][told["active_manifest"]]


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("out.mkv", [], "mkv cannot hold a C2PA manifest: write to one of .mp4, .m4v, .mov, .wav, .flac"),
        ("out.mp4", ["--c2pa-key", "other.key"], "other.key is not the key of the first certificate in"),
        ("out.mp4", ["--c2pa-key", "film.mp4"], "must be a certificate chain and its private key, both PEM"),
        ("out.mp4", ["--c2pa-key", "absent.key"], "No such file or directory: 'absent.key'"),
        (
            "out.mp4",
            ["--c2pa-certificate", "late.pem", "--c2pa-key", "late.key"],
            "cannot be signed: C2PA refuses the certificate or the key",
        ),
    ],
)
def test_what_cannot_sign_is_named_and_nothing_is_written(
    work: Path,
    tmp_path: Path,
    out: str,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(work)
    certificate(work, "other")
    certificate(work, "late", days=-1)
    with pytest.raises(SystemExit, match="2"):
        generate(work, tmp_path / out, *options)
    errors = capsys.readouterr().err
    assert message in errors and errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
