"""Misconception: there are three objects of Ann, and one list shows them all"""

import os

import boto3
from moto import mock_aws

DIAGNOSIS = "C"
BUCKET = "course-voices"


def bucket_with_voices():
    """Return a client of a bucket with two voices, as the studio left it. This function is right."""
    os.environ.update(AWS_ACCESS_KEY_ID="made-up", AWS_SECRET_ACCESS_KEY="made-up")
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for voice in ("ann", "anna"):
        for number in range(3):
            s3.put_object(Bucket=BUCKET, Key=f"{voice}/raw/{number}.wav", Body=b"a take")
        s3.put_object(Bucket=BUCKET, Key=f"{voice}/raw/0.wav", Body=b"a better take")
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=f"{voice}/raw/long.wav")["UploadId"]
        s3.upload_part(Bucket=BUCKET, Key=f"{voice}/raw/long.wav", UploadId=upload, PartNumber=1, Body=b"half a take")
    return s3


def left_of(s3, voice: str) -> dict[str, int]:
    """Return what a bucket holds of a voice: seen objects, versions and marks, half-sent uploads. It is right, too."""
    name = f"{voice}/"
    found = s3.list_object_versions(Bucket=BUCKET, Prefix=name)
    uploads = s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    return {
        "seen": s3.list_objects_v2(Bucket=BUCKET, Prefix=name).get("KeyCount", 0),
        "versions and marks": len(found.get("Versions", [])) + len(found.get("DeleteMarkers", [])),
        "half sent": sum(upload["Key"].startswith(name) for upload in uploads),
    }


def forget(s3, voice: str) -> None:
    """Delete everything of a voice."""
    found = s3.list_object_versions(Bucket=BUCKET, Prefix=f"{voice}/")
    for item in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"])
    for upload in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
        if upload["Key"].startswith(f"{voice}/"):
            s3.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])


if __name__ == "__main__":
    with mock_aws():
        client = bucket_with_voices()
        print("before:", left_of(client, "ann"), "of Anna:", left_of(client, "anna"))
        forget(client, "ann")
        print("after: ", left_of(client, "ann"), "of Anna:", left_of(client, "anna"))
