"""What is this sound file? Says whether a voice of this computer spoke it, also when it is an MP3 copy, cut or louder.

Run:
    python verify_audio.py FILE [FILE ...]
    python verify_audio.py FILE --home DIR --json

A file is looked up by its hash, by the id in its tags, and by its sound (spectral landmarks, compared with the
provenance ledgers of all voices). Where the library Perth is installed, its inaudible watermark is looked for too, and
where c2pa-python is, a C2PA manifest (Content Credentials), whoever signed it. No network is touched.

Writes: nothing.
Exit code: 0 when every file is known, 1 when one is not.
Time: seconds.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from coursekit.cli import ScriptParser, run_main
from voice_pipeline import content_credentials, watermark
from voice_pipeline.content_credentials import Credentials
from voice_pipeline.provenance import Finding, verify
from voice_pipeline.voice_folder import resolve_home


def main(argv: list[str] | None = None) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="sound files in any format")
    parser.add_argument("--home", metavar="DIR", help="where voice folders live (default: $VOICE_HOME, else voices/)")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file")
    arguments = parser.parse_args(argv)
    home = resolve_home(arguments.home)
    findings = [verify(path, home) for path in arguments.files]
    for finding in findings:
        print(as_json(finding) if arguments.json else report(finding))
    return 0 if all(finding.how for finding in findings) else 1


def report(finding: Finding) -> str:
    """A few lines for people, in plain ASCII."""
    name = str(finding.path).encode("ascii", "backslashreplace").decode()
    row, match = finding.record, finding.match
    lines = [name]
    if finding.how and match:
        how = {
            "exact": "unchanged, byte for byte",
            "tag": "known by the id in its tags and by its sound; it was changed or converted",
            "sound": "a copy, known by its sound; it was changed or converted",
        }[finding.how]
        lines += [
            f"  synthetic: spoken by the voice '{row['voice']}' on {row['time']} ({how})",
            f"  id {row['id']}, {row['consent_kind']} {row['consent']}, engine {row['engine']}, seed {row['seed']}",
            f"  model {row['weights_sha256'][:16]}..., {row['seconds']:.1f} s when it was made",
            f"  {match.matches} landmarks agree ({100 * match.share:.0f} % of the file's), "
            f"from second {max(0.0, match.shift_seconds):.1f} of the original",
        ]
    else:
        lines.append("  not known: no voice here has spoken it, or too little of it is left")
        if finding.tag:
            lines.append(f"  but its tag says: {finding.tag}")
    if finding.marked is None:
        lines.append(f"  watermark: not looked for; {watermark.INSTALL} lets it be found")
    else:
        lines.append(f"  watermark: {'found, a machine spoke this' if finding.marked else 'none'}")
    lines.append(f"  C2PA manifest: {manifest_line(finding.credentials)}")
    return "\n".join(lines)


def manifest_line(found: Credentials | None) -> str:
    """What the file's C2PA manifest says, and what that is worth."""
    if not content_credentials.is_installed():
        return f"not looked for; {content_credentials.INSTALL} lets it be read"
    if found is None:
        return "none"
    if not found.valid:
        return f"does not fit: the file was changed after it was signed ({', '.join(found.problems) or 'unknown'})"
    says = "says that a machine made this" if found.synthetic else "does not say that a machine made this"
    known = "a known signer" if found.known_signer else "a signer nobody vouches for"
    named = f", id {found.record['id']}" if "id" in found.record else ""
    return f"fits, {says}; signed by {found.signer}, {known}{named}"


def as_json(finding: Finding) -> str:
    """The same for programs."""
    match = finding.match
    return json.dumps(
        {
            "file": str(finding.path),
            "known": finding.how or None,
            "record": finding.record or None,
            "matches": match.matches if match else 0,
            "share": round(match.share, 4) if match else 0.0,
            "shift_seconds": match.shift_seconds if match else None,
            "tag": finding.tag or None,
            "watermark": finding.marked,
            "c2pa": asdict(finding.credentials) if finding.credentials else None,
        }
    )


if __name__ == "__main__":
    run_main(main)
