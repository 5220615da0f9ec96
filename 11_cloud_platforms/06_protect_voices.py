"""Protect voices in a cloud: each key opens one door, each voice has its own key, and revoked consent deletes it all.

What you will learn
    - least privilege: three roles, each allowed what it does and nothing else, tried out instead of believed
    - encryption with one key for each voice, itself encrypted by a key that never leaves the cloud's key service
    - why deleting an object of a bucket with versions deletes nothing, and what does
    - what has to happen when a speaker takes consent back: here, in the bucket, in its versions, in every backup
    - what a record of a deletion may say, and for how long each kind of data is kept
How to run it
    python 06_protect_voices.py --quick    three recordings, about 6 s, no network
    python 06_protect_voices.py            the same with 20 recordings
Time and memory on 2 CPU cores: quick 6 s, full 6 s; 0.1 GB. Without data it first makes its speech.
Writes outputs/: access.png, emulator_s3.log, deletions.jsonl, stand_in/ (first run without data). The voice that it
    protects is made for the run and deleted in it.
Concepts: CLOUD_CONCEPTS_EXPLAINED.md (least privilege, envelope encryption, retention, deletion on revoked consent)
"""

import json
import os
import shutil
from datetime import datetime, timezone

import httpx
from cloud_utils import BLUE, ORANGE, emulators, files_of, needs, prepare, save_figure, voice_to_keep
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.consent import require_consent, revoke
from voice_pipeline.errors import PipelineError

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
BUCKET, KEYS, REGION = (
    "course-voices",
    "course-voices-keys",
    "eu-central-1",
)  # in the EU: where personal data lies is a choice, not a default
CLIPS = {True: 3, False: 20}
ROLES = {  # who may do what, where; `*` stands only behind a prefix
    "studio": {"s3:PutObject": "demo/*", "s3:GetObject": "demo/*", "s3:DeleteObject": "demo/*"},
    "speaker": {"s3:GetObject": "demo/models/*"},
    "auditor": {"s3:ListBucket": ""},
}
# concept: retention
KEPT = [  # what, days, why
    ("raw recordings", 30, "trained from; the speaker has the originals"),
    ("spoken consent", 3650, "the proof that we may; as long as somebody could ask, at most"),
    ("models", 365, "asked again after a year"),
    ("spoken texts in logs", 0, "never written"),
    ("access logs", 90, "to find out who heard what"),
    ("record of a deletion", 3650, "says that, when and how much, not who"),
]

# ----------------------------------------------------------------------------------------------------------------------
# one key for each voice


class Safe:
    """Encrypts what belongs to one voice with a key of its own, kept beside it in encrypted form only.

    AES-256 in GCM mode: who changes a bit is found out. The object's key is authenticated with it, so that nobody can
    put one voice's recording in another's place. The encrypted key lies in a bucket for keys alone, without versions
    and without backups: what has to be forgotten for certain must not be copied.
    """

    # concept: envelope encryption
    def __init__(self, kms, s3, voice: str) -> None:
        self.kms, self.s3, self.voice = kms, s3, voice
        self.master = kms.create_key(Description=f"voice {voice}")["KeyMetadata"]["KeyId"]
        made = kms.generate_data_key(KeyId=self.master, KeySpec="AES_256", EncryptionContext={"voice": voice})
        s3.put_object(Bucket=KEYS, Key=voice, Body=made["CiphertextBlob"])  # of no use without the key service
        self._plain = made["Plaintext"]  # lives in memory, as long as this process

    def close(self, name: str, content: bytes) -> bytes:
        """Return content encrypted: 12 random bytes, then the ciphertext with its seal of 16 bytes."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(12)
        return nonce + AESGCM(self._plain).encrypt(nonce, content, name.encode())

    def open(self, name: str, content: bytes) -> bytes:
        """Return content decrypted; asks the key service for the key, as a process that starts later has to."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        wrapped = self.s3.get_object(Bucket=KEYS, Key=self.voice)["Body"].read()
        answer = self.kms.decrypt(CiphertextBlob=wrapped, EncryptionContext={"voice": self.voice})
        return AESGCM(answer["Plaintext"]).decrypt(content[:12], content[12:], name.encode())

    def destroy(self) -> str:
        """Destroy the voice's key, twice over; return what the key service says of its own."""
        self._plain = b""
        self.s3.delete_object(Bucket=KEYS, Key=self.voice)
        self.kms.schedule_key_deletion(KeyId=self.master, PendingWindowInDays=7)  # a week to notice a mistake
        return self.kms.describe_key(KeyId=self.master)["KeyMetadata"]["KeyState"]


def fails(action) -> str:
    """Return the kind of error that an action ends with, or an empty text."""
    try:
        action()
    except Exception as error:  # the key service's, the cipher's or the store's own
        return getattr(error, "response", {}).get("Error", {}).get("Code", "") or type(error).__name__
    return ""


# ----------------------------------------------------------------------------------------------------------------------
# who may


def policy(rights: dict[str, str]) -> str:
    """Return the policy of a role: each action with the part of the bucket it holds for."""
    # concept: least privilege
    bucket = f"arn:aws:s3:::{BUCKET}"
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": f"{bucket}/{where}" if where else bucket}
        for action, where in rights.items()
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def users_with(iam, name: str, document: str) -> dict[str, str]:
    """Make somebody with this policy; return the credentials. (In a deployment: a role, and no lasting key.)"""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="only-this", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def attempts(client, raw: str, model: str) -> dict[str, bool]:
    """Try everything; return what was allowed."""
    content = client.meta.service_model.metadata["serviceId"].encode()  # anything
    tries = {
        "hear a recording": lambda: client.get_object(Bucket=BUCKET, Key=raw),
        "load a model": lambda: client.get_object(Bucket=BUCKET, Key=model),
        "replace a model": lambda: client.put_object(Bucket=BUCKET, Key=model, Body=content),
        "see who is there": lambda: client.list_objects_v2(Bucket=BUCKET),
        "delete the bucket": lambda: client.delete_bucket(Bucket=BUCKET),
    }
    found = {}
    for name, action in tries.items():
        problem = fails(action)
        if problem not in ("", "AccessDenied", "BucketNotEmpty"):
            raise RuntimeError(f"{name}: {problem}")
        found[name] = problem != "AccessDenied"  # a bucket that is not empty: allowed, and only luck
    return found


WANTED = {
    "studio": {"hear a recording", "load a model", "replace a model"},
    "speaker": {"load a model"},
    "auditor": {"see who is there"},
}


def try_roles(settings, address: str, iam, raw: str, model: str) -> dict[str, dict[str, bool]]:
    """Return for each role what it could do. From here on the emulator asks who is asking."""
    import boto3

    who = {name: users_with(iam, name, policy(rights)) for name, rights in ROLES.items()}
    wide = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    who["s3:* on *"] = users_with(iam, "wide", json.dumps({"Version": "2012-10-17", "Statement": [wide]}))
    # moto counts requests until it looks at rights: 0 begins now, a large number switches it off again.
    httpx.post(f"{address}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()
    found = {}
    for name, credentials in who.items():
        client = boto3.client("s3", endpoint_url=address, region_name=REGION, **credentials)
        found[name] = attempts(client, raw, model)
    httpx.post(f"{address}/moto-api/reset-auth", content=b"1000000", trust_env=False).raise_for_status()
    return found


# ----------------------------------------------------------------------------------------------------------------------
# when consent is taken back


def versions(s3, prefix: str) -> list[dict[str, str]]:
    """Return every version and every deletion mark under a prefix."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=prefix)
    return [
        {"Key": item["Key"], "VersionId": item["VersionId"]}
        for page in pages
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    ]


def forget(settings, s3, safe: Safe, folder) -> dict:
    """Delete a voice whose consent was revoked, in the order in which a failure does least harm.

    Raises:
        PipelineError: Its consent holds, so nothing may be deleted on this ground.
    """
    # concept: deletion on revoked consent
    try:
        require_consent(folder)
    except PipelineError:
        pass
    else:
        raise PipelineError(f"the consent for '{folder.name}' holds: nothing is deleted", hint="revoke it first")
    state = safe.destroy()  # 1. at once nothing can be read any more, wherever copies are
    prefix = f"{folder.name}/"
    current = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    for item in current:  # 2. what everybody sees
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])
    left = versions(s3, prefix)
    for item in left:  # 3. what nobody sees and the bucket still has
        s3.delete_object(Bucket=BUCKET, **item)
    shutil.rmtree(folder.root)  # 4. here
    record = {  # 5. that it was done; neither name nor voice
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "ground": "consent revoked",
        "objects": len(current),
        "versions": len(left),
    }
    with open(settings.out / "deletions.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    return {"objects": len(current), "hidden": len(left), "after": len(versions(s3, prefix)), "state": state}


def draw(found: dict[str, dict[str, bool]], path) -> None:
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    names = list(next(iter(found.values())))
    for column, (role, allowed) in enumerate(found.items()):
        for row, name in enumerate(names):
            meant = role in WANTED and name in WANTED[role]
            if allowed[name]:
                axes.scatter(column, row, s=160, color=BLUE if meant else ORANGE, marker="o" if meant else "X")
    axes.set(xticks=range(len(found)), yticks=range(len(names)), xlim=(-0.5, len(found) - 0.5), xlabel="role")
    axes.set_xticklabels(list(found))
    axes.set_yticklabels(names)
    axes.set_title("what each could do: circles are meant, crosses are not", fontsize=10)
    axes.grid(alpha=0.3)
    save_figure(figure, path)
    print("access.png: three roles with one to three rights; a policy with two stars has all of them")


def main(settings) -> dict:
    needs("boto3", "moto", "cryptography")
    prepare(settings)
    import boto3

    place = settings.out / "protected"
    shutil.rmtree(place, ignore_errors=True)
    folder = voice_to_keep(settings, CLIPS[settings.quick], home=place)
    files = files_of(folder)
    with emulators(settings, ["s3"]) as addresses:
        address = addresses["s3"]
        made_up = {"aws_access_key_id": "made-up", "aws_secret_access_key": "made-up", "region_name": REGION}
        s3, kms, iam = (boto3.client(name, endpoint_url=address, **made_up) for name in ("s3", "kms", "iam"))
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})  # against mistakes
        everything = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=everything)

        s3.create_bucket(Bucket=KEYS, CreateBucketConfiguration={"LocationConstraint": REGION})
        safe = Safe(kms, s3, folder.name)
        for key, path in files.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=safe.close(key, path.read_bytes()))
        raw = next(key for key in files if "/raw/" in key and key.endswith(".wav"))
        model = next(key for key in files if key.endswith(".safetensors"))
        stored = s3.get_object(Bucket=BUCKET, Key=raw)["Body"].read()
        same = safe.open(raw, stored) == files[raw].read_bytes()
        readable = stored[12:16] == b"RIFF"
        swapped = fails(lambda: safe.open(model, stored))
        print(f"\n{len(files)} files, each encrypted with the key of the voice '{folder.name}'")
        print(f"   opened again: {'the same' if same else 'DIFFERENT'}; in another's place: {swapped}")

        found = try_roles(settings, address, iam, raw, model)
        print(f"\n{'':20}" + "".join(f"{role:>12}" for role in found))
        for name in next(iter(found.values())):
            print(f"   {name:17}" + "".join(f"{'yes' if allowed[name] else '-':>12}" for allowed in found.values()))
        as_meant = sum({name for name, yes in found[role].items() if yes} == WANTED[role] for role in ROLES)

        early = fails(lambda: forget(settings, s3, safe, folder))
        backup = stored  # somebody made a copy of the bucket
        revoke(folder, "asked by the speaker")
        gone = forget(settings, s3, safe, folder)
        unreadable = fails(lambda: safe.open(raw, backup))
    print(f"\nconsent revoked: {gone['objects']} objects deleted, then {gone['hidden']} versions and marks behind them")
    print(f"   left in the bucket: {gone['after']}; a copy in a backup cannot be opened: {unreadable}")
    print(f"   the key service says of the voice's master key: {gone['state']}")
    draw(found, settings.out / "access.png")
    print("\nHow long, and why:")
    for what, days, why in KEPT:
        print(f"   {what:22} {days:5} days   {why}")
    print("Not proved by the emulator: it still decrypts with a key that waits for its deletion; AWS refuses.")
    return {
        "opened_again": int(same),
        "readable_in_bucket": int(readable),
        "swap_refused": int(swapped == "InvalidTag"),
        "roles_as_meant": as_meant,
        "wide_can": sum(found["s3:* on *"].values()),
        "early_refused": int(early == "PipelineError"),
        "hidden_versions": gone["hidden"] / gone["objects"],
        "left": gone["after"] + int(folder.root.exists()),
        "backup_unreadable": int(unreadable == "NoSuchKey"),
        "master_key_going": int(gone["state"] == "PendingDeletion"),
    }


EXPECTED = {
    "opened_again": Expected(quick=(1, 1), full=(1, 1)),
    "readable_in_bucket": Expected(quick=(0, 0), full=(0, 0)),
    "swap_refused": Expected(quick=(1, 1), full=(1, 1)),
    "roles_as_meant": Expected(quick=(3, 3), full=(3, 3)),
    "wide_can": Expected(quick=(5, 5), full=(5, 5)),
    "early_refused": Expected(quick=(1, 1), full=(1, 1)),
    "hidden_versions": Expected(quick=(2, 3), full=(2, 3)),
    "left": Expected(quick=(0, 0), full=(0, 0)),
    "backup_unreadable": Expected(quick=(1, 1), full=(1, 1)),
    "master_key_going": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course exercise 11")
