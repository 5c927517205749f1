"""Batches brought to folders, an SFTP server and an HTTP server: whole, once, and every attempt written down."""

from __future__ import annotations

import json
from pathlib import Path

import asyncssh
import pytest

from headend.batches import to_folder, to_http, to_sftp
from headend.batches.parcel import SAME, DeliveryFault, Parcel
from headend.batches.settings import TargetTable
from tests.headend.batches.certificates import Authority
from tests.headend.batches.receivers import HttpPlace, http_server, sftp_server


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    folder = tmp_path / "made" / "B000001"
    folder.mkdir(parents=True)
    (folder / "B000001.csv").write_bytes(b"a,b\n" * 100_000)
    manifest = json.dumps({"batch_id": "B000001"}).encode()
    (folder / "manifest.json").write_bytes(manifest)
    return Parcel("B000001", folder, manifest)


def same(parcel: Parcel, folder: Path) -> None:
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in parcel.files()
    }


async def test_a_folder(parcel: Parcel, tmp_path: Path) -> None:
    target = TargetTable("t", "in")
    assert await to_folder.bring(parcel, target, tmp_path) == str(tmp_path / "in" / "B000001")
    same(parcel, tmp_path / "in" / "B000001")
    assert await to_folder.bring(parcel, TargetTable("t", (tmp_path / "in").as_uri()), tmp_path) == SAME
    (tmp_path / "in" / "B000001" / "B000001.csv").write_bytes(b"other")
    with pytest.raises(DeliveryFault, match="is there and is another one"):
        await to_folder.bring(parcel, target, tmp_path)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["B000001"]


async def test_sftp(parcel: Parcel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFTP_PASSWORD", "secret")
    async with sftp_server(tmp_path / "server") as place:
        target = TargetTable(
            "t", f"sftp://headend@127.0.0.1:{place.port}/", host_key=place.host_key, password_env="SFTP_PASSWORD"
        )
        (place.folder / ".B000001.part").mkdir()  # of one who was killed
        (place.folder / ".B000001.part" / "B000001.csv").write_bytes(b"half")
        assert await to_sftp.bring(parcel, target, tmp_path) == "/B000001"
        same(parcel, place.folder / "B000001")
        assert await to_sftp.bring(parcel, target, tmp_path) == SAME
        assert [path.name for path in place.folder.iterdir()] == ["B000001"]
        (place.folder / "B000001" / "manifest.json").write_bytes(parcel.manifest.replace(b"1", b"2"))
        with pytest.raises(DeliveryFault, match="is another one"):
            await to_sftp.bring(parcel, target, tmp_path)


async def test_sftp_with_a_key(parcel: Parcel, tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "key"))
    async with sftp_server(tmp_path / "server", allowed=key.convert_to_public()) as place:
        target = TargetTable("t", f"sftp://headend@127.0.0.1:{place.port}/", host_key=place.host_key, key_file="key")
        assert await to_sftp.bring(parcel, target, tmp_path) == "/B000001"
        same(parcel, place.folder / "B000001")


async def test_no_other_sftp_server_is_given_anything(
    parcel: Parcel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_PASSWORD", "secret")
    async with sftp_server(tmp_path / "known") as known, sftp_server(tmp_path / "other") as other:
        target = TargetTable(
            "t", f"sftp://headend@127.0.0.1:{other.port}/", host_key=known.host_key, password_env="SFTP_PASSWORD"
        )
        with pytest.raises(DeliveryFault, match="Host key is not trusted"):
            await to_sftp.bring(parcel, target, tmp_path)
        assert list(other.folder.iterdir()) == []
    (tmp_path / "wrong").write_text("guess\n")
    async with sftp_server(tmp_path / "known") as known:
        target = TargetTable(
            "t", f"sftp://headend@127.0.0.1:{known.port}/", host_key=known.host_key, password_file="wrong"
        )
        with pytest.raises(DeliveryFault, match="Permission denied"):
            await to_sftp.bring(parcel, target, tmp_path)


async def test_http(parcel: Parcel, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    async with http_server(HttpPlace(refuse=2)) as place:
        target = TargetTable(
            "t", f"http://127.0.0.1:{place.port}/in", token_file="token", pause="1ms", tries=3, method="post"
        )
        assert await to_http.bring(parcel, target, tmp_path) == f"http://127.0.0.1:{place.port}/in/B000001/"
        assert place.asked == 4
        first = dict(place.taken)
        assert list(first) == [("POST", "/in/B000001/B000001.csv"), ("POST", "/in/B000001/manifest.json")]
        headers, body = first["POST", "/in/B000001/B000001.csv"]
        assert body == b"a,b\n" * 100_000
        assert headers["authorization"] == "Bearer abc"
        await to_http.bring(parcel, target, tmp_path)
        assert {key: one[0]["idempotency-key"] for key, one in first.items()} == {
            key: one[0]["idempotency-key"] for key, one in place.taken.items()
        }


async def test_https_trusts_the_authority_that_is_named_and_no_other(parcel: Parcel, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "authority"), Authority(tmp_path, "other")
    async with http_server(HttpPlace(), authority.context()) as place:
        url = f"https://127.0.0.1:{place.port}/in"
        wrong = [TargetTable("t", url, tries=1, ca_file=name) for name in ("", other.file.name)]
        for target in wrong:
            with pytest.raises(DeliveryFault, match="CERTIFICATE_VERIFY_FAILED"):
                await to_http.bring(parcel, target, tmp_path)
        assert place.taken == {}
        await to_http.bring(parcel, TargetTable("t", url, ca_file=authority.file.name), tmp_path)
        assert list(place.taken) == [("PUT", "/in/B000001/B000001.csv"), ("PUT", "/in/B000001/manifest.json")]
    async with http_server(HttpPlace(), authority.context("127.0.0.2")) as place:
        elsewhere = TargetTable("t", f"https://127.0.0.1:{place.port}/", tries=1, ca_file=authority.file.name)
        with pytest.raises(DeliveryFault, match="IP address mismatch"):
            await to_http.bring(parcel, elsewhere, tmp_path)


@pytest.mark.parametrize("text", [None, "no certificate"])
async def test_a_file_of_authorities_that_is_none(parcel: Parcel, tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    with pytest.raises(DeliveryFault, match=r"ca_file ca\.pem"):
        await to_http.bring(parcel, TargetTable("t", "https://127.0.0.1:1/", ca_file="ca.pem"), tmp_path)


@pytest.mark.parametrize(("status", "asked"), [(503, 3), (403, 1), (301, 1)])
async def test_http_that_does_not_take_it(parcel: Parcel, tmp_path: Path, status: int, asked: int) -> None:
    async with http_server(HttpPlace(status=status)) as place:
        target = TargetTable("t", f"http://127.0.0.1:{place.port}/{{file}}?b={{batch}}", pause="1ms", tries=3)
        with pytest.raises(DeliveryFault, match=f"{status}"):
            await to_http.bring(parcel, target, tmp_path)
        assert (place.asked, place.taken) == (asked, {})


async def test_nobody_is_there(parcel: Parcel, tmp_path: Path) -> None:
    async with http_server(HttpPlace()) as place:
        port = place.port
    target = TargetTable("t", f"http://127.0.0.1:{port}/", pause="1ms", tries=2)
    with pytest.raises(DeliveryFault, match="ConnectError"):
        await to_http.bring(parcel, target, tmp_path)
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    gone = TargetTable("t", f"sftp://a@127.0.0.1:{port}/", host_key=key, password_env="HOME", pause="1ms", tries=2)
    with pytest.raises(DeliveryFault, match="ConnectionRefusedError"):
        await to_sftp.bring(parcel, gone, tmp_path)
    with pytest.raises(DeliveryFault, match="NOT_SET is not set"):
        await to_http.bring(parcel, TargetTable("t", f"http://127.0.0.1:{port}/", token_env="NOT_SET"), tmp_path)
