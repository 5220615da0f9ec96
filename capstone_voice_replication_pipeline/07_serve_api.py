"""Step 7: serve the voices of a folder over HTTP, by OpenAI's speech contract.

Run:
    python 07_serve_api.py --home voices --port 8000
    python 07_serve_api.py --home voices --port 0            (takes a free port and prints it)

Any OpenAI client can use it: base URL http://127.0.0.1:8000/v1, voice = the name of a voice folder. It listens on
127.0.0.1, where only this machine reaches it; elsewhere it wants an API key in VOICE_API_KEY. More settings come from
the environment: VOICE_API_WORKERS, VOICE_API_QUEUE_SIZE, VOICE_API_LOADED_VOICES, VOICE_API_DEVICE.
Ctrl-C stops it; requests that are being spoken may finish.

Writes: HOME/.service/ (jobs, consents and voices in service.sqlite3, logs of jobs); what its users upload and train,
into the voices' folders.
Time: answers within seconds; then the voices used last are loaded, so that the first request need not wait.
Next: 08_evaluate_voice.py
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from coursekit.cli import ScriptParser, run_main
from voice_pipeline.api.job_runner import COMMAND
from voice_pipeline.api.server import serve
from voice_pipeline.api.settings import ApiSettings
from voice_pipeline.api.voices import Loader, describe_voices
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import resolve_home


def main(argv: list[str] | None = None, *, load: Loader | None = None, job_command: Sequence[str] = COMMAND) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--home", metavar="DIR", help="where voice folders live (default: $VOICE_HOME, else voices/)")
    parser.add_argument("--host", metavar="H", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, metavar="P", help="TCP port, 0 for a free one (default 8000)")
    parser.add_argument("--device", metavar="D", help="auto, cpu, cuda or mps (default auto)")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = make_settings(**vars(arguments))
    serve(settings, on_ready=lambda address: announce(address, settings), load=load, job_command=job_command)
    print("stopped")
    return 0


def make_settings(*, home: str | None, **given: Any) -> ApiSettings:
    """Arguments that were given, then the environment, then defaults.

    Raises:
        PipelineError: a value is not possible.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if home is not None:
        values["home"] = resolve_home(home)
    try:
        return ApiSettings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise PipelineError(
            f"{name} is not possible: {first['msg']}", hint=f"change --{name} or VOICE_API_{name.upper()}"
        ) from None


def announce(address: str, settings: ApiSettings) -> None:
    """Print where the service is and a command to try."""
    able = [voice["id"] for voice in describe_voices(settings.home) if voice["ready"]]
    print(f"Serving on {address}", flush=True)
    print(f"voices that can speak: {', '.join(able) or 'none yet; train one with 04_fine_tune.py'}")
    body = json.dumps({"model": "tts-1", "voice": able[0] if able else "NAME", "input": "Good morning."})
    key = " -H 'Authorization: Bearer '\"$VOICE_API_KEY\"" if settings.key.get_secret_value() else ""
    print(f"Try: curl {address}/v1/audio/speech{key} -H 'Content-Type: application/json' -d '{body}' -o hello.mp3")
    print("Ctrl-C stops it.", flush=True)


if __name__ == "__main__":
    run_main(main)
