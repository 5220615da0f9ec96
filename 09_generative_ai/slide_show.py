"""A narration with its pictures, as one web page and as a video, for 07_clip.py.

The page holds everything in itself: sound, pictures and times. The video is made by PyAV, which brings FFmpeg along.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import matplotlib.image
import numpy as np

from coursekit.files import atomic_path, write_text_atomic
from voice_pipeline.audio import encode

FRAMES_A_SECOND = 10  # of the video; slides do not move, and a change comes at most 0.05 s late


@dataclass(frozen=True)
class Slide:
    """One picture, what is said meanwhile, and when.

    Attributes:
        picture: `[H, W, 3]`, 0..1.
        text: What is said.
        start: Seconds from the beginning.
        end: Seconds; where the next one starts.
    """

    picture: np.ndarray
    text: str
    start: float
    end: float


def write_page(path: Path, slides: Sequence[Slide], waveform: np.ndarray, sample_rate: int, title: str) -> None:
    """Write a page that plays the sound and shows each slide in its time; the buttons of the player move both."""
    shown = [{"start": slide.start, "text": slide.text, "picture": _png(slide.picture)} for slide in slides]
    sound = base64.b64encode(encode(waveform, sample_rate, "mp3")).decode()
    page = _PAGE.replace("TITLE", html.escape(title)).replace("SOUND", sound)
    write_text_atomic(path, page.replace("SLIDES", json.dumps(shown).replace("</", "<\\/")))


def _png(picture: np.ndarray) -> str:
    data = io.BytesIO()
    matplotlib.image.imsave(data, np.clip(picture, 0, 1), format="png")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def write_video(path: Path, slides: Sequence[Slide], waveform: np.ndarray, sample_rate: int) -> None:
    """Write an MP4 with the slides and the sound; sides of the pictures must be even numbers."""
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with atomic_path(path) as temporary, av.open(str(temporary), "w") as container:
        video = container.add_stream(codec, rate=FRAMES_A_SECOND)
        video.height, video.width = slides[0].picture.shape[:2]
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=sample_rate, layout="mono")
        for number in range(round(slides[-1].end * FRAMES_A_SECOND)):
            time = number / FRAMES_A_SECOND
            slide = next(slide for slide in reversed(slides) if slide.start <= time + 0.5 / FRAMES_A_SECOND)
            pixels = (np.clip(slide.picture, 0, 1) * 255).round().astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for start in range(0, len(waveform), 1024):
            block = np.ascontiguousarray(waveform[start : start + 1024][None], np.float32)
            piece = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = sample_rate, start, Fraction(1, sample_rate)
            container.mux(sound.encode(piece))
        container.mux(sound.encode())


def video_seconds(path: Path) -> tuple[float, float]:
    """Return how long the pictures and the sound of a video last, seconds, by decoding it."""
    lengths = []
    for kind in ("video", "audio"):
        with av.open(str(path)) as container:
            last = 0.0
            for frame in container.decode(**{kind: 0}):
                long = 1 / FRAMES_A_SECOND if kind == "video" else frame.samples / frame.sample_rate
                last = float(frame.pts * frame.time_base) + long
            lengths.append(last)
    return lengths[0], lengths[1]


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE</title>
<style>
  body { font-family: Georgia, serif; max-width: 34rem; margin: 2rem auto; padding: 0 1rem;
         background: #f4efe6; color: #222; }
  img { width: 100%; aspect-ratio: 1; border-radius: 0.4rem; background: #ddd; }
  audio { width: 100%; margin-top: 0.6rem; }
  p { font-size: 1.2rem; min-height: 3.2em; }
  small { color: #555; }
</style>
<h1>TITLE</h1>
<img id="picture" alt="">
<p id="text" aria-live="polite"></p>
<audio id="sound" controls src="data:audio/mpeg;base64,SOUND"></audio>
<p><small>The voice and the choice of pictures are a machine's.</small></p>
<script>
const slides = SLIDES;
const sound = document.getElementById("sound");
let shown = -1;
function show() {
  let now = 0;
  slides.forEach((slide, place) => { if (slide.start <= sound.currentTime + 0.02) now = place; });
  if (now !== shown) {
    shown = now;
    document.getElementById("picture").src = slides[now].picture;
    document.getElementById("picture").alt = slides[now].text;
    document.getElementById("text").textContent = slides[now].text;
  }
  requestAnimationFrame(show);
}
show();
</script>
</html>
"""
