"""One voice store over three clouds, each through its maker's own library: S3, Google Cloud Storage, Azure Blob.

The three say the same in different words. What they share is `Store` (store_contract.py); what differs stands in one
class each, so that they can be read side by side. Files go up in parts of 5 MiB; what arrived before a line broke is
not sent again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
from cloud_utils import MADE_UP_ACCOUNT, MADE_UP_KEY
from store_contract import PART, Damaged, OnBytes, Store, md5, parts_of

from coursekit.errors import CourseError
from coursekit.files import sha256_file, write_json_atomic

# ----------------------------------------------------------------------------------------------------------------------
# Amazon S3


class S3(Store):
    """Parts belong to an upload that S3 remembers; each answers with its MD5, so what is there can be recognised."""

    scheme = "s3"

    def connect(self) -> None:
        import boto3
        from botocore.config import Config

        made_up = {"aws_access_key_id": "made-up", "aws_secret_access_key": "made-up", "region_name": "eu-central-1"}
        # Signature 4 says when a link ends in the signature itself; botocore's default here would be the older one.
        config = Config(signature_version="s3v4", retries={"max_attempts": 2})
        self.client = boto3.client(
            "s3", endpoint_url=self.emulator, config=config, **(made_up if self.emulator else {})
        )
        if self.emulator:
            place = {"LocationConstraint": "eu-central-1"}  # personal data: choose where it lies
            self.client.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=place)

    def put(self, key: str, path: Path, on_bytes: OnBytes) -> None:
        # concept: resumable upload
        where = {"Bucket": self.bucket, "Key": key}
        open_ones = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=key).get("Uploads", [])
        known = next((upload["UploadId"] for upload in open_ones if upload["Key"] == key), None)
        number = (
            known or self.client.create_multipart_upload(**where, Metadata={"sha256": sha256_file(path)})["UploadId"]
        )
        there = {part["PartNumber"]: part["ETag"] for part in self._parts(where, number)} if known else {}
        done, tags = 0, []
        for place, content in parts_of(path):
            tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
            if send := there.get(place + 1) != tag:  # S3 counts from 1
                answer = self.client.upload_part(
                    **where, UploadId=number, PartNumber=place + 1, Body=content, ContentMD5=md5(content)
                )
                tag = answer["ETag"]
            tags.append({"PartNumber": place + 1, "ETag": tag})
            done += len(content)
            on_bytes(done, send)
        self.client.complete_multipart_upload(**where, UploadId=number, MultipartUpload={"Parts": tags})

    def _parts(self, where: dict[str, str], number: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("list_parts").paginate(**where, UploadId=number)
        return [part for page in pages for part in page.get("Parts", [])]

    def get(self, key: str) -> tuple[bytes, str]:
        answer = self.client.get_object(Bucket=self.bucket, Key=key)
        return answer["Body"].read(), answer["Metadata"].get("sha256", "")

    def put_with_wrong_checksum(self, key: str, content: bytes) -> None:
        noted = {"sha256": hashlib.sha256(content).hexdigest()}
        flipped = bytes([content[0] ^ 1]) + content[1:]
        self.client.put_object(Bucket=self.bucket, Key=key, Body=flipped, ContentMD5=md5(content), Metadata=noted)

    def link(self, key: str, seconds: int) -> str:
        # concept: presigned link
        what = {"Bucket": self.bucket, "Key": key}
        return str(self.client.generate_presigned_url("get_object", Params=what, ExpiresIn=seconds))

    def expire(self, prefix: str, days: int) -> dict[str, Any]:
        # concept: lifecycle rule
        rule = {
            "ID": f"{prefix} {days} days",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},  # half-sent files are paid for, unseen
        }
        self.client.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": [rule]})
        return dict(self.client.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"][0])

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def options(self) -> dict[str, Any]:
        if not self.emulator:
            return {}
        where = {"endpoint_url": self.emulator, "region_name": "eu-central-1"}
        return {"key": "made-up", "secret": "made-up", "client_kwargs": where, "skip_instance_cache": True}


# ----------------------------------------------------------------------------------------------------------------------
# Google Cloud Storage


class Gcs(Store):
    """A session's address is everything: who has it may go on sending, without any other key. So keep it like one."""

    scheme = "gs"

    def connect(self) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        if self.emulator:
            os.environ["STORAGE_EMULATOR_HOST"] = self.emulator
            self.client = storage.Client(project="made-up", credentials=AnonymousCredentials())
            self.client.create_bucket(self.bucket)
        else:
            self.client = storage.Client()
        self.place = self.client.bucket(self.bucket)

    def put(self, key: str, path: Path, on_bytes: OnBytes) -> None:
        size, session = path.stat().st_size, path.with_name(f".{path.name}.session")
        content = path.read_bytes()
        if session.is_file():
            url = json.loads(session.read_text(encoding="utf-8"))["url"]
            done = self._arrived(url, size)
        else:
            blob = self.place.blob(key)
            blob.metadata, blob.md5_hash = {"sha256": sha256_file(path)}, md5(content)  # Google checks it at the end
            url, done = blob.create_resumable_upload_session(size=size), 0
            write_json_atomic(session, {"url": url})
            session.chmod(0o600)
        if done:
            on_bytes(done, False)
        while done < size:
            piece = content[done : done + PART]
            last = done + len(piece) - 1
            answer = httpx.put(
                url,
                content=piece,
                headers={"Content-Range": f"bytes {done}-{last}/{size}"},
                trust_env=False,
                timeout=60,
            )
            if answer.status_code not in (200, 201, 308):  # 308: go on
                session.unlink()
                raise Damaged(f"{key} was refused: {answer.text[:200]}", hint="send it again")
            done = last + 1
            on_bytes(done, True)
        session.unlink()

    def _arrived(self, url: str, size: int) -> int:
        answer = httpx.put(url, headers={"Content-Range": f"bytes */{size}"}, trust_env=False, timeout=60)
        return int(answer.headers["range"].rsplit("-", 1)[1]) + 1 if "range" in answer.headers else 0

    def get(self, key: str) -> tuple[bytes, str]:
        blob = self.place.get_blob(key)
        return blob.download_as_bytes(), (blob.metadata or {}).get("sha256", "")

    def put_with_wrong_checksum(self, key: str, content: bytes) -> None:
        blob = self.place.blob(key)
        blob.metadata, blob.md5_hash = {"sha256": hashlib.sha256(content).hexdigest()}, md5(content)
        blob.upload_from_string(bytes([content[0] ^ 1]) + content[1:])

    def link(self, key: str, seconds: int) -> str:
        blob, until = self.place.blob(key), timedelta(seconds=seconds)
        if not self.emulator:
            return str(blob.generate_signed_url(version="v4", expiration=until))
        return str(
            blob.generate_signed_url(
                version="v4", expiration=until, credentials=made_up_account(), api_access_endpoint=self.emulator
            )
        )

    def expire(self, prefix: str, days: int) -> dict[str, Any]:
        self.place.reload()
        self.place.clear_lifecycle_rules()
        self.place.add_lifecycle_delete_rule(age=days, matches_prefix=[prefix])
        self.place.patch()
        self.place.reload()
        return dict(next(iter(self.place.lifecycle_rules)))

    def keys(self, prefix: str = "") -> list[str]:
        return [blob.name for blob in self.client.list_blobs(self.bucket, prefix=prefix)]

    def delete(self, key: str) -> None:
        self.place.blob(key).delete()

    def options(self) -> dict[str, Any]:
        if not self.emulator:
            return {}
        return {"endpoint_url": self.emulator, "token": "anon", "project": "made-up", "skip_instance_cache": True}


def made_up_account() -> Any:
    """Return a service account with a key made now, for the emulator: a link is signed with a private key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from google.oauth2 import service_account

    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    info = {"client_email": "made-up@made-up.iam.gserviceaccount.com", "private_key": key.decode(), "token_uri": "none"}
    return service_account.Credentials.from_service_account_info({"type": "service_account", **info})


# ----------------------------------------------------------------------------------------------------------------------
# Azure Blob Storage


class Azure(Store):
    """The sender names the blocks. Named by their content, they tell by themselves which are there already."""

    scheme = "az"

    def connect(self) -> None:
        from azure.storage.blob import BlobServiceClient

        if self.emulator:
            self.client = BlobServiceClient(f"{self.emulator}/{MADE_UP_ACCOUNT}", credential=MADE_UP_KEY)
            self.place = self.client.create_container(self.bucket)
        else:
            self.client = BlobServiceClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"])
            self.place = self.client.get_container_client(self.bucket)

    def put(self, key: str, path: Path, on_bytes: OnBytes) -> None:
        from azure.core.exceptions import ResourceNotFoundError
        from azure.storage.blob import BlobBlock

        blob = self.place.get_blob_client(key)
        try:
            there = {block.id for block in blob.get_block_list("uncommitted")[1]}
        except ResourceNotFoundError:
            there = set()
        done, blocks = 0, []
        for number, content in parts_of(path):
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            name = base64.b64encode(f"{number:06d}-{digest}".encode()).decode()
            if send := name not in there:
                blob.stage_block(name, content, validate_content=True)  # sends the MD5 beside it
            blocks.append(BlobBlock(name))
            done += len(content)
            on_bytes(done, send)
        blob.commit_block_list(blocks, metadata={"sha256": sha256_file(path)})

    def get(self, key: str) -> tuple[bytes, str]:
        answer = self.place.get_blob_client(key).download_blob()
        return answer.readall(), answer.properties.metadata.get("sha256", "")

    def put_with_wrong_checksum(self, key: str, content: bytes) -> None:
        noted = {"x-ms-meta-sha256": hashlib.sha256(content).hexdigest(), "x-ms-blob-type": "BlockBlob"}
        flipped = bytes([content[0] ^ 1]) + content[1:]
        headers = {**noted, "Content-MD5": md5(content), "x-ms-version": "2023-11-03"}
        httpx.put(
            self.signed(key, 60, write=True), content=flipped, headers=headers, trust_env=False
        ).raise_for_status()

    def link(self, key: str, seconds: int) -> str:
        return self.signed(key, seconds)

    def signed(self, key: str, seconds: int, write: bool = False) -> str:
        """Return the address of one object with a shared access signature."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        signature = generate_blob_sas(
            self.client.account_name,
            self.bucket,
            key,
            account_key=self.client.credential.account_key,
            permission=BlobSasPermissions(read=not write, create=write, write=write),
            expiry=datetime.now(timezone.utc) + timedelta(seconds=seconds),
        )
        return f"{self.place.get_blob_client(key).url}?{signature}"

    def expire(self, prefix: str, days: int) -> dict[str, Any]:
        # Azure keeps such rules with the account, not with its blobs: this is what the deployment sends (script 02).
        return {
            "name": prefix.strip("/").replace("/", "-"),
            "type": "Lifecycle",
            "definition": {
                "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [f"{self.bucket}/{prefix}"]},
                "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": days}}},
            },
        }

    def keys(self, prefix: str = "") -> list[str]:
        return [blob.name for blob in self.place.list_blobs(name_starts_with=prefix)]

    def delete(self, key: str) -> None:
        self.place.delete_blob(key)

    def options(self) -> dict[str, Any]:
        if not self.emulator:
            return {"connection_string": os.environ["AZURE_STORAGE_CONNECTION_STRING"]}
        account = f"AccountName={MADE_UP_ACCOUNT};AccountKey={MADE_UP_KEY}"
        where = f"BlobEndpoint={self.emulator}/{MADE_UP_ACCOUNT};"
        return {
            "connection_string": f"DefaultEndpointsProtocol=http;{account};{where}",
            "account_name": MADE_UP_ACCOUNT,
            "skip_instance_cache": True,
        }


STORES: dict[str, type[Store]] = {"s3": S3, "gs": Gcs, "az": Azure}
FSSPEC = {"s3": "s3", "gs": "gs", "az": "abfs"}  # what fsspec calls them
CREDENTIALS = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS",),
    "az": ("AZURE_STORAGE_CONNECTION_STRING",),
}


def real_store(address: str) -> Store:
    """Return a bucket in the cloud itself, `s3://NAME`, `gs://NAME` or `az://CONTAINER`.

    Raises:
        CourseError: The address is none, or the environment holds no credentials for it.
    """
    scheme, _, bucket = address.partition("://")
    if scheme not in STORES or not bucket or "/" in bucket:
        raise CourseError(f"{address} is no bucket.", hint="s3://NAME, gs://NAME or az://CONTAINER")
    names = CREDENTIALS[scheme]
    if not any(os.environ.get(name) for name in names):
        raise CourseError(
            f"no credentials for {scheme}:// in the environment: looked for {', '.join(names)}.",
            hint=f"export {names[0]}=...   (never in a file of this repository)",
        )
    store = STORES[scheme](bucket)
    if foreign := [key for key in store.keys() if not key.startswith("demo/")]:
        raise CourseError(
            f"{address} holds other things, such as {foreign[0]}, and this lesson sets rules that delete.",
            hint="make a bucket for the lesson alone",
        )
    return store
