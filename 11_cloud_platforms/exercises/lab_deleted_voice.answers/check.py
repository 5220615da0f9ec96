"""Checks forget on a bucket that keeps versions, with another voice beside, and the letter."""

from moto import mock_aws

from coursekit.course import Wrong


def check(answer) -> None:
    with mock_aws():
        s3 = answer.bucket_with_voices()
        anna = answer.left_of(s3, "anna")
        answer.forget(s3, "ann")
        left = answer.left_of(s3, "ann")
        if answer.left_of(s3, "anna") != anna:
            raise Wrong(
                "forget took something of Anna: 'ann' is the beginning of 'anna', too. A folder ends in a slash."
            )
    if left["versions and marks"]:
        raise Wrong(
            f"{left['versions and marks']} versions and marks are left, and every version can be heard:"
            " a deletion without a version puts a mark on top."
        )
    if left["half sent"]:
        raise Wrong(
            f"{left['half sent']} upload is left: half-sent uploads are in no list of objects, and are paid for."
        )
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The check is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "no rule is set on this bucket, and a deletion is at once",
        "C": "there are three objects of Ann, and one list shows them all",
        "D": "it was played out of the same bucket",
    }
    if letter != "B":
        raise Wrong(f"The check is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
