"""The web page in a real browser, with a microphone that plays a real clip; the service behind it is the real one.

Only what takes minutes or needs a model is a stand-in: the voice speaks tones, and jobs are `fake_job.py`.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import uvicorn

from coursekit.data import DataUnavailable, fetch, transcripts
from voice_pipeline import consent, ledger_page, takes
from voice_pipeline.api import ApiSettings, create_app, job_process
from voice_pipeline.api.page import PAGES, POLICY
from voice_pipeline.audio import decode
from voice_pipeline.consent import declare_licence
from voice_pipeline.consent_check import Heard
from voice_pipeline.prompts import PROMPTS_FILE, Prompt, load_prompts, write_prompts
from voice_pipeline.text import prepare
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl, write_jsonl

from . import fake_voice as fake
from .synthetic_speech import speech
from .test_proof_card import ears, make_voice

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: bootstrap.py test installs it")

CLIP = "LJ001-0002"
KEY = "a-key-of-twenty-chars"
FAKE = (sys.executable, str(Path(__file__).with_name("fake_job.py")))
STEPS = ("consent", "record", "check", "train", "speak", "proof")
DESKTOP, PHONE = {"width": 1100, "height": 800}, {"width": 380, "height": 800}
PATIENCE_MS = 60_000


# ----------------------------------------------------------------------------------------------------------------------
# a service, a browser, a microphone


class Service:
    """The service in a thread of this process, so that a test can reach into it."""

    def __init__(self, home: Path, **values: Any) -> None:
        self.home, self.voices = home, []  # type: Path, list[fake.ToneVoice]
        self.gate = threading.Event()
        self.gate.set()
        defaults = {"key": "", "watermark": False, "warm_up": False, "requests_per_minute": 0}
        settings = ApiSettings(home=home, **{**defaults, **values})
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        app = create_app(settings, load=self._load, job_command=FAKE)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)

    def _load(self, folder: VoiceFolder) -> fake.ToneVoice:
        service = self

        class Gated(fake.ToneVoice):
            """Says its first sentence at once, the others when the gate is open."""

            def synthesize(self, text: str, **how: Any) -> np.ndarray:
                if self.calls:
                    service.gate.wait(60)
                return super().synthesize(text, **how)

        self.voices.append(Gated())
        return self.voices[-1]

    def __enter__(self) -> Service:
        self._thread.start()
        until(lambda: self._server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.should_exit = True
        self._thread.join(30)
        self._listener.close()


def until(ready: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not (found := ready()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def spoken() -> tuple[np.ndarray, int, str, bool]:
    """What the microphone hears: float32 `[samples]`, Hz, the words, and whether a person says them."""
    try:
        root = fetch("ljspeech_sample", download=False).root
    except DataUnavailable:
        return 0.6 * speech(2.0, margin=0), 24_000, "in being comparatively modern.", False
    clip = decode(next(root.rglob(f"{CLIP}.wav")))
    return clip.waveform, clip.sample_rate, transcripts("ljspeech_sample")[CLIP], True


@pytest.fixture(scope="module")
def browser(spoken: tuple, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no Chromium here; `apt-get install chromium` lets the page be tested")
    waveform, rate, _, _ = spoken
    silence = 1e-4 * np.random.default_rng(0).normal(size=2 * rate).astype(np.float32)
    file = tmp_path_factory.mktemp("microphone") / "clip.wav"
    soundfile.write(file, np.concatenate([silence, waveform, silence]), rate, subtype="PCM_16")
    flags = (
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}",
        "--autoplay-policy=no-user-gesture-required",
    )
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=list(flags))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens the page; at the end nothing was asked of another host, and nothing broke the page's policy."""
    contexts, wrong = [], []

    def opened(
        service: Service,
        where: str = "",
        size: dict[str, int] = DESKTOP,
        expected: str = "$^",
        first: Callable[[Any], None] = lambda page: None,
    ) -> Any:
        context = browser.new_context(viewport=size)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(BLOBS)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: wrong.append(asked.url) if not own(asked.url, service.url) else None)
        page.goto(f"{service.url}/{where}")
        first(page)
        until(lambda: page.evaluate("document.querySelector('#next').textContent"))
        page.expected = expected
        return page

    yield opened
    expected = "|".join(context.pages[0].expected for context in contexts)
    for context in contexts:
        context.close()
    assert [text for text in wrong if not re.search(expected, text)] == []


# the page may not fetch blobs, not even its own, so a test keeps them
BLOBS = """window.blobs = {}; const make = URL.createObjectURL.bind(URL);
URL.createObjectURL = (blob) => { const address = make(blob); window.blobs[address] = blob; return address; };"""


def own(url: str, service: str) -> bool:
    return url.startswith((f"{service}/", "data:", "blob:"))


def said(page: Any, where: str, pattern: str) -> str:
    """The text of an element once it matches."""
    playwright.expect(page.locator(where)).to_have_text(re.compile(pattern, re.DOTALL), timeout=PATIENCE_MS)
    return str(page.locator(where).inner_text())


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


@contextmanager
def serving(home: Path, **values: Any) -> Iterator[Service]:
    with Service(home, **values) as service:
        yield service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path) as service:
        yield service


def speaking(home: Path, name: str = "ada") -> VoiceFolder:
    folder = VoiceFolder(home, name)
    declare_licence(folder, "CC0 1.0", "tones")
    folder.update_info(engine="starter", model="models/run-1/best")
    return folder


# ----------------------------------------------------------------------------------------------------------------------
# from a name to takes

QUIET = """(wanted) => new Promise((done) => {
  const meter = document.querySelector("#take-recorder meter");
  let since = performance.now();
  const timer = setInterval(() => {
    if ((meter.value < 30) !== wanted) since = performance.now();
    if (performance.now() - since > (wanted ? 700 : 60)) { clearInterval(timer); done(true); }
  }, 20);
})"""


def read_aloud(page: Any) -> None:
    """Press Record in the silence, let the clip be said, press Stop."""
    talk = page.locator("#take-recorder .talk")
    page.evaluate(QUIET, True)
    talk.click()
    page.evaluate(QUIET, False)
    page.evaluate(QUIET, True)
    talk.click()


def test_a_voice_is_begun_and_takes_are_kept_or_refused(
    service: Service, open_page: Callable, spoken: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    waveform, rate, words, is_person = spoken
    if not is_person:
        monkeypatch.setattr(takes, "heard_in", lambda waveform, rate: words)
    page = open_page(service)
    said(page, "#next", "Next: give your voice a name")
    page.get_by_label("Name of the new voice").fill("Ann Example")
    page.get_by_role("button", name="Make it").click()
    said(page, "#next", "the speaker reads the statement of consent")
    said(page, "#consent-text", "called ann example")
    folder = VoiceFolder(service.home, "ann-example")
    write_prompts(
        folder.root / PROMPTS_FILE, [Prompt("short_01", words), Prompt("short_02", "Quite another sentence.")]
    )
    page.get_by_text("recordings of a public data set").click()
    page.get_by_label("Licence", exact=True).fill("public domain")
    page.get_by_label("Where they come from").fill("LJ Speech")
    page.get_by_role("button", name="Use this licence").click()
    said(page, "#consent-state", "public domain")
    said(page, "#next", "Next: record 2 more of 2 sentences")
    page.get_by_role("button", name="Go to Record").click()

    said(page, "#take-text", re.escape(words))
    talk = page.get_by_role("button", name="Turn the microphone on")
    talk.click()
    page.get_by_role("button", name="Record", exact=True).wait_for()
    assert page.locator("meter").count() == 2 and page.locator("#take-recorder").get_by_label("Level").is_visible()

    page.evaluate(QUIET, True)
    page.get_by_role("button", name="Record", exact=True).click()
    said(page, "#take-recorder .cue", "Read now")
    page.get_by_role("button", name="Stop").click()
    said(page, "#take-verdict", "Not kept: (Almost nothing|No speech|Too short)")
    assert focused(page) == "Record again" and read_jsonl(folder.manifest) == []

    for _ in range(4):  # a busy machine may break a take; a person would read it again, too
        read_aloud(page)
        if said(page, "#take-verdict", "^Kept: |^Not kept: (?!Almost|No speech|Too short)").startswith("Kept"):
            break
    said(page, "#take-verdict", r"^Kept: \d.*understood\.")
    assert focused(page) == "Next sentence"
    (row,) = read_jsonl(folder.manifest)
    assert row["id"] == "short_01" and row["check"]["ok"] and "Fake" in row["device"]
    kept, kept_rate = soundfile.read(folder.raw / row["file"], dtype="float32")
    assert heard_again(kept, kept_rate, waveform, rate) > 0.8, "the take is not what the microphone played"
    page.get_by_role("button", name="Listen to the kept take").click()
    until(lambda: page.evaluate("document.querySelector('#take-player').duration > 1"))

    page.keyboard.press("Tab")
    page.get_by_role("button", name="Next sentence").press("Enter")
    said(page, "#take-text", "Quite another sentence")
    read_aloud(page)
    said(page, "#take-verdict", "Not kept: ")
    page.get_by_role("button", name="Keep it anyway").click()
    said(page, "#take-verdict", "^Kept: ")
    said(page, "#next", "let the recordings be looked at")
    page.get_by_role("button", name="Remove it").click()
    said(page, "#next", "record 1 more of 2")
    page.get_by_role("button", name="1. Consent").click()
    until(lambda: page.locator("#take-recorder .talk").text_content() == "Turn the microphone on")


def heard_again(kept: np.ndarray, kept_rate: int, played: np.ndarray, rate: int) -> float:
    """How alike a sound and the part of another that is most like it are: correlation of their loudness over time."""

    def levels(waveform: np.ndarray, at: int) -> np.ndarray:
        step = at // 50
        return np.sqrt(np.mean(waveform[: len(waveform) // step * step].reshape(-1, step) ** 2, axis=1))

    whole, part = levels(kept, kept_rate), levels(played, rate)
    windows = np.lib.stride_tricks.sliding_window_view(whole, len(part))
    return float(max(np.corrcoef(window, part)[0, 1] for window in windows))


def test_consent_is_read_refused_given_and_taken_back(
    service: Service, open_page: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    VoiceFolder(service.home, "ann").create()
    answers = [Heard("hello", 0.9, 0, problem="the word error rate is 0.90"), Heard("i am the speaker", 0.2, 4)]
    monkeypatch.setattr(consent, "check_words", lambda *arguments: answers.pop(0))
    page = open_page(service, "#ann/consent", expected="400 ")
    page.get_by_role("button", name="Turn the microphone on").click()
    talk = page.locator("#consent-recorder .talk")
    for refused in (True, False):
        playwright.expect(talk).to_have_text(re.compile("Record"))
        talk.click()
        talk.click()
        playwright.expect(page.locator("#consent-send")).to_be_focused()
        page.keyboard.press("Enter")
        if refused:
            said(page, "#step-consent > .problem", "word error rate is 0.90")
            page.locator("#consent-recorder audio").wait_for()
    said(page, "#consent-state", "In force: .*not compared with clips yet")
    assert page.locator("#consent-ask").is_hidden() and page.locator("#step-consent > .problem").is_hidden()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_text("Take the consent back, or erase").click()
    page.get_by_role("button", name="Take the consent back").click()
    said(page, "#steps", "taken back")
    assert page.locator("#consent-ask").is_visible()
    page.get_by_role("button", name="Erase the voice").click()
    said(page, "#next", "give your voice a name")
    assert not (service.home / "ann").exists()


def test_files_are_matched_by_name_or_by_hand(
    service: Service, open_page: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = load_prompts("en")
    monkeypatch.setattr(takes, "heard_in", lambda waveform, rate: prompts[0].text)
    VoiceFolder(service.home, "ann").create()
    buffer = io.BytesIO()
    soundfile.write(buffer, speech(prompts[0].expected_seconds), 24_000, format="WAV")
    files = [("Short_01 kitchen.wav", buffer.getvalue()), ("voice memo.wav", buffer.getvalue()), ("short_03.wav", b"x")]
    page = open_page(service, "#ann/record", expected="400 ")
    page.get_by_text("Upload files instead").click()
    page.get_by_label("Recordings", exact=True).set_input_files(
        [{"name": name, "mimeType": "audio/wav", "buffer": data} for name, data in files]
    )
    assert page.get_by_label("Short_01 kitchen.wav").input_value() == "short_01"
    assert page.get_by_label("voice memo.wav").input_value() == ""
    page.get_by_role("button", name="Check and keep them").click()
    said(page, "#upload-state", "1 of 3 files kept")
    assert "Kept: " in said(page, "#upload-list li:nth-child(1)", "understood")
    said(page, "#upload-list li:nth-child(2)", "its sentence is not chosen")
    said(page, "#upload-list li:nth-child(3)", "Not kept: ")
    said(page, "#steps", "1 of 20")
    assert [row["id"] for row in read_jsonl(VoiceFolder(service.home, "ann").manifest)] == ["short_01"]


# ----------------------------------------------------------------------------------------------------------------------
# ledger, training, speech


def test_the_ledger_says_what_to_record_again(service: Service, open_page: Callable) -> None:
    folder = make_voice(service.home)
    rows = [{**row, "measurements": {}} for row in read_jsonl(folder.ledger)]
    prompt = load_prompts("en")[4]
    reason = {"rule": "too_short", "value": 0.4, "limit": 1.0, "repair": "Read all of it."}
    rows.append({**rows[0], "id": prompt.prompt_id, "text": prompt.text, "status": "rejected", "reasons": [reason]})
    write_jsonl(folder.ledger, rows)
    ledger_page.write_reports(folder, rows)
    page = open_page(service, "#ann/check")
    said(page, "#check-counts", "5 accepted, 1 rejected")
    page.get_by_text("The whole ledger").click()
    said(page, "#check-page", "6 recordings given = 5 accepted . 1 rejected")
    assert page.locator("#check-page article").count() == 6 and page.locator("h1").count() == 1
    look_for_obstacles(page)
    page.get_by_role("button", name="Record again").click()
    said(page, "#take-text", re.escape(prompt.text))
    page.get_by_role("button", name="3. Check").click()
    page.get_by_label("Go on with fewer recordings").check()
    page.get_by_role("button", name="Look at the recordings").click()
    said(page, "#check-job .job > p:first-child", "Done in")


def test_training_shows_progress_and_can_be_cancelled(service: Service, open_page: Callable) -> None:
    declare_licence(VoiceFolder(service.home, "ann"), "CC0 1.0", "tones")
    page = open_page(service, "#ann/train", expected="409 ")
    state = "#train-job .job > p:first-child"
    page.get_by_text("More settings").click()
    page.get_by_label("Seed").fill("1")
    page.get_by_label("Minutes it may take").fill("2.5")
    page.get_by_role("button", name="Train the voice").click()
    said(page, state, r"25 %: beginning \(\d+ s\)")
    assert float(page.get_by_role("progressbar").get_attribute("value")) == 0.25
    said(page, "#next", "a job runs")
    page.get_by_role("button", name="Train the voice").click()
    said(page, "#step-train > .problem", "already|job_")
    page.reload()
    said(page, state, "25 %")
    page.get_by_role("button", name="Cancel").click()
    said(page, state, "Cancelled. What was done stays")
    page.get_by_text("More settings").click()
    page.get_by_label("Seed").fill("2")
    page.get_by_role("button", name="Train the voice").click()
    said(page, state, "Failed: There are no clips")
    page.get_by_label("Seed").fill("0")
    page.get_by_role("button", name="Train the voice").click()
    said(page, state, "Done in")
    assert page.get_by_role("button", name="Cancel").is_hidden()


TEXT = "The first sentence stands alone. The second one has to wait for the gate. And a third."


def test_speech_is_heard_while_it_is_made_then_downloaded(service: Service, open_page: Callable) -> None:
    folder = speaking(service.home)
    service.gate.clear()
    page = open_page(service, "#ada/speak")
    page.get_by_label("What to say").fill(TEXT)
    page.get_by_role("button", name="Speak", exact=True).click()
    said(page, "#speak-state", r"^First sound after \d+\.\d\d seconds\.$")
    assert len(service.voices[0].calls) == 1, "it plays before the second sentence is spoken"
    assert page.locator("#speak-result").is_hidden()
    service.gate.set()
    said(page, "#speak-state", r"seconds of speech\.$")
    samples = page.evaluate(
        """async () => { const sound = window.blobs[document.querySelector("#speak-player").src];
        return Array.from(new Int16Array((await sound.arrayBuffer()).slice(44))); }"""
    )
    sound, size = np.array(samples) / 32768.0, int(fake.SECONDS * fake.SAMPLE_RATE)
    assert fake.frequency(sound[:size]) == pytest.approx(fake.tone_of(prepare(TEXT)[0].text), abs=8)
    assert len(sound) > 3 * size * 0.9
    assert read_jsonl(folder.provenance)[-1]["id"] in page.locator("#speak-origin").inner_text()
    playwright.expect(page.get_by_role("button", name="Stop")).to_be_disabled(timeout=PATIENCE_MS)

    page.get_by_label("Format").select_option("flac")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    file = Path(waiting.value.path())
    assert waiting.value.suggested_filename == "ada.flac" and soundfile.info(file).format == "FLAC"
    page.get_by_text("What is this sound file?").click()
    page.get_by_label("Sound file", exact=True).set_input_files(
        {"name": "a.flac", "mimeType": "audio/flac", "buffer": file.read_bytes()}
    )
    said(page, "#verify-result", 'very file the voice "ada" spoke')


def test_speech_can_be_stopped_and_refused(service: Service, open_page: Callable) -> None:
    speaking(service.home)
    service.gate.clear()
    page = open_page(service, "#ada/speak", expected="400 ")
    page.get_by_label("What to say").fill(TEXT)
    page.get_by_label("Speed").fill("1.5")
    said(page, "#speak-speed-value", "1.50")
    page.get_by_role("button", name="Speak", exact=True).click()
    said(page, "#speak-state", "First sound")
    page.get_by_role("button", name="Stop").click()
    said(page, "#speak-state", "Stopped")
    service.gate.set()
    page.get_by_label("What to say").fill("...")
    playwright.expect(page.get_by_role("button", name="Speak", exact=True)).not_to_have_attribute(
        "aria-disabled", "true"
    )
    page.get_by_role("button", name="Speak", exact=True).click()
    said(page, "#step-speak > .problem", r"\w+")


def test_card_comparison_and_blind_test(tmp_path: Path, open_page: Callable) -> None:
    make_voice(tmp_path)
    with ears():
        task = {"kind": "evaluate", "home": str(tmp_path), "voice": "ann", "options": {}, "device": "cpu"}
        job_process.perform(task, lambda share, sentence: None)
    with serving(tmp_path) as service:
        page = open_page(service, "#ann/proof")
        until(lambda: page.evaluate("document.querySelectorAll('#compare-players audio').length >= 3"))
        until(
            lambda: page.evaluate(
                "[...document.querySelectorAll('#compare-players audio')].every((a) => a.duration > 1)"
            )
        )
        assert page.get_by_label("Your voice:").count() == page.get_by_label("The real recording:").count() == 1
        page.get_by_text("The proof card", exact=True).click()
        said(page, "#card-page", "What would help most")
        until(
            lambda: page.evaluate(
                "[...document.querySelectorAll('#card-page img')].every((one) => one.naturalWidth > 0)"
            )
        )
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download as a picture").click()
        assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
        for _ in range(2):  # a second session begins afresh
            page.get_by_label("Pairs").select_option("6")
            begin = page.get_by_role("button", name="Begin the blind test")
            begin.click()
            playwright.expect(begin).not_to_have_attribute("aria-disabled", "true", timeout=PATIENCE_MS)
            said(page, "#trial-title", "Pair 1 of 6")
        page.set_viewport_size(PHONE)
        look_for_obstacles(page)
        for _ in range(6):
            for side in "ab":
                page.evaluate(f"document.querySelector('#sound-{side}').play()")
            page.locator("#pick-a").click()
        said(page, "#verdict", r"real recording was named in \d of 6 answers")
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Save the answers").click()
        assert json.loads(Path(waiting.value.path()).read_text())["total"] == 6


# ----------------------------------------------------------------------------------------------------------------------
# for everybody, and closed


def test_with_a_key_the_page_asks_for_it(tmp_path: Path, open_page: Callable) -> None:
    def answer(page: Any) -> None:
        page.get_by_label("Key", exact=True).fill("wrong")
        page.keyboard.press("Enter")
        said(page, "#key-why", "That key is wrong")
        page.get_by_label("Key", exact=True).fill(KEY)
        page.keyboard.press("Enter")

    speaking(tmp_path)
    with serving(tmp_path, key=KEY) as service:
        page = open_page(service, expected="401 ", first=answer)
        said(page, "#next", "write a text and listen")
        page.reload()
        said(page, "#next", "write a text and listen")
        assert KEY not in page.content() and KEY not in page.url


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_keeps_people_out(service: Service, open_page: Callable, size: dict[str, int]) -> None:
    """axe-core finds nothing, nothing is wider than the screen, and Tab reaches every control in the page's order."""
    speaking(service.home)
    page = open_page(service, "#ada/consent", size=size)
    assert page.locator("#new-voice").is_hidden()
    for number, step in enumerate(STEPS, 1):
        page.locator(f"#steps li:nth-child({number}) button").click()
        playwright.expect(page.locator(f"#title-{step}")).to_be_focused()
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = one.checkVisibility(); })")
        look_for_obstacles(page)
        assert tabbed(page) == page.evaluate(REACHABLE), step


def look_for_obstacles(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


REACHABLE = """() => [...document.querySelectorAll("a, button, select, input, textarea, summary")]
  .filter((one) => one.checkVisibility() && !one.disabled).map((one) => one.id || one.textContent.trim())"""


def tabbed(page: Any) -> list[str]:
    """What Tab reaches from the top, in its order; every one shows that it has the focus."""
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    found: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => { const one = document.activeElement, look = getComputedStyle(one);
            return [one === document.body ? "" : one.id || one.textContent.trim(), look.outlineStyle]; }"""
        )
        if not name or name in found:
            break
        assert outline != "none", f"{name} does not show the focus"
        found.append(name)
    return found


def test_the_page_is_closed(service: Service) -> None:
    import httpx

    with httpx.Client(base_url=service.url) as client:
        page = client.get("/")
        assert page.status_code == 200 and page.headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY and "http" not in POLICY and "*" not in POLICY
        assert "script" in page.text and not re.search(r"<style|style=|onclick|<script>", page.text)
        for path in PAGES.iterdir():
            answer = client.get(f"/page/{path.name}")
            assert answer.status_code == (200 if path.suffix in (".js", ".css") else 404), path.name
            assert not re.search(r"https?://|innerHTML|eval\(", path.read_text(encoding="utf-8"))
        for name in ("nothing.js", "..%2Fapi%2Fpage.py", "studio.html"):
            assert client.get(f"/page/{name}").status_code == 404


def test_with_a_key_only_the_empty_page_is_open(tmp_path: Path) -> None:
    import httpx

    with serving(tmp_path, key=KEY) as service, httpx.Client(base_url=service.url) as client:
        assert client.get("/").status_code == client.get("/page/studio.js").status_code == 200
        for path in ("/api/voices", "/page", "/page/", "/openapi.json", "/metrics", "/page/x.html"):
            assert client.get(path).status_code in (401, 404), path
        assert client.get("/api/voices").status_code == 401
