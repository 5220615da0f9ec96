"""Odd requests, made from the service's own OpenAPI document (schemathesis): none may be answered with 5xx,
and every answer has a status and a form that the document names."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from voice_pipeline.api import ApiSettings, create_app
from voice_pipeline.consent import declare_licence
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake

EXAMPLES = 8


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    for name in ("ada", "0"):
        declare_licence(VoiceFolder(home, name), "CC0 1.0", "tones")
        VoiceFolder(home, name).update_info(engine="starter", model="models/run-1/best")
    return home


@pytest.fixture(scope="module")
def document(home: Path) -> schemathesis.BaseSchema:
    options = {"key": "", "watermark": False, "warm_up": False, "run_jobs": False, "requests_per_minute": 0}
    settings = ApiSettings(home=home, hosts=(asgi.HOST,), **options)
    app = create_app(settings, load=lambda folder: fake.ToneVoice())
    app.state.site.jobs.add("train", "ada", {})
    return schemathesis.openapi.from_asgi("/openapi.json", app)


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_it(case: schemathesis.Case) -> None:
    case.call_and_validate(
        checks=(not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance),
    )
