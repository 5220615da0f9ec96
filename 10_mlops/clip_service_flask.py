"""The same service in Flask, as a person would write it there: what FastAPI does by itself has to be written down.

    python clip_service_flask.py --models outputs/models --port 8000

Addresses: POST /v1/clips, /ready. The server is Werkzeug's, with a thread for each connection; for users, put a server
made for them before it (gunicorn, waitress).
"""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

from clip_model import KINDS, MAX_BYTES, BadClip, Current, decode, features
from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

from coursekit.cli import print_error
from coursekit.errors import CourseError


def create_app(models: Path) -> Flask:
    """Return the service, judging with the model that `models/current.json` names."""
    current = Current(models)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES  # without it, a body of any size is read into memory

    @app.post("/v1/clips")
    def clips():
        numbers = features(decode(request.get_data()))
        model = current.model()
        [shares] = model.probabilities(numbers[None])
        best = int(shares.argmax())
        return {  # no schema stands behind this: a misspelt key would be found by the client
            "request_id": f"req_{secrets.token_hex(6)}",
            "kind": KINDS[best],
            "probability": float(shares[best]),
            "probabilities": {kind: float(share) for kind, share in zip(KINDS, shares, strict=True)},
            "model_version": model.version,
        }

    @app.errorhandler(BadClip)
    def bad_clip(error: BadClip):
        return jsonify(error={"code": error.code, "message": str(error)}), error.status

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException):  # else 404, 405 and 413 are pages of HTML
        code = (error.name or "error").lower().replace(" ", "_")
        return jsonify(error={"code": code, "message": error.description}), error.code

    @app.get("/ready")
    def ready():
        return {"status": "ready", "model_version": current.model().version}

    return app


class Quiet(WSGIRequestHandler):
    """Writes no line for a request, and keeps connections open, as the other service does."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, metavar="DIR", help="a folder with current.json")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="8000")
    arguments = parser.parse_args(argv)
    try:
        app = create_app(arguments.models)
    except CourseError as error:
        print_error(error)
        return 2
    make_server("127.0.0.1", arguments.port, app, threaded=True, request_handler=Quiet).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
