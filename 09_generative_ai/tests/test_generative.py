"""What the scripts of module 09 teach, on numbers whose right answer is known, and every loader of public weights.

The loaders are tried on local folders in the public format, made from the same configuration classes without training.
"""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
RATE = 24_000


def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


def asked(model: object, quick: bool = True) -> Namespace:
    return Namespace(model=str(model), quick=quick)


# ----------------------------------------------------------------------------------------------------- shared helpers


def test_the_frechet_distance_is_the_textbooks() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(400, 5)), random.normal(size=(300, 5)) @ random.normal(size=(5, 5)) + 1
    covariances = [np.cov(cloud, rowvar=False) for cloud in (first, second)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    wanted = ((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(sum(covariances) - 2 * root)
    utils = lesson("gen_utils")
    assert utils.frechet(first, second) == pytest.approx(wanted, rel=1e-6)
    assert utils.frechet(first, first) == pytest.approx(0, abs=1e-6)


def test_modes_below_the_least_share_do_not_count() -> None:
    assert lesson("gen_utils").modes_covered(torch.tensor([0] * 97 + [1] * 2 + [2]), 4) == 2


def test_batches_go_through_the_whole_set_before_they_repeat() -> None:
    rows = torch.cat(list(lesson("gen_utils").batches(10, 4, 5, seed=0)))
    assert sorted(rows[:10].tolist()) == sorted(rows[10:20].tolist()) == list(range(10))


def test_a_mosaic_lays_pictures_in_rows() -> None:
    pictures = torch.stack([torch.full((1, 2, 2), value) for value in (-1.0, 0.0, 1.0, 1.0)])
    laid = lesson("gen_utils").mosaic(pictures, 2)
    assert laid.shape == (6, 6) and laid[0, 0] == 0 and laid[0, 3] == 0.5 and laid[3, 0] == 1


# ------------------------------------------------------------------------------------------------------ public models


def test_an_offline_hub_is_not_asked_and_the_small_half_goes_on(monkeypatch, capsys) -> None:
    utils = lesson("gen_utils")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    calls = []

    def load(name: str, **options: object) -> None:
        calls.append((name, options))
        raise OSError("not in the cache")

    assert utils.load_public(asked("some/model", quick=False), load) is None
    assert calls == [("some/model", {"local_files_only": True})]
    assert "never fetched" in capsys.readouterr().out


def test_quick_and_a_public_name_contradict_each_other() -> None:
    with pytest.raises(CourseError, match="downloads nothing"):
        lesson("gen_utils").load_public(asked("some/model"), lambda name, **options: None)


@pytest.mark.parametrize("script", ["04_text_gpt", "05_bark", "06_stable_diffusion", "07_clip"])
def test_a_folder_without_a_model_is_refused_in_words(script: str, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="cannot be loaded"):
        lesson("gen_utils").load_public(asked(tmp_path), lesson(script).load_model)


def test_04_a_gpt_2_in_the_public_format_is_loaded_and_writes_the_same(tmp_path: Path) -> None:
    gpt = lesson("04_text_gpt")
    tokenizer = gpt.train_tokenizer(["The little house was white.", "The moon was yellow, and it was night."] * 3)
    config = gpt.GPT2Config(
        vocab_size=len(tokenizer), n_positions=128, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    torch.manual_seed(0)
    model = gpt.GPT2LMHeadModel(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in tmp_path.iterdir()}
    loaded, words = lesson("gen_utils").load_public(asked(tmp_path), gpt.load_model)
    prompt = torch.tensor(tokenizer("The moon")["input_ids"])
    assert torch.equal(torch.tensor(words("The moon")["input_ids"]), prompt)
    drawn = gpt.write(model, prompt, lambda logits: logits, seed=3)
    assert drawn.shape == (gpt.TEXTS, gpt.TOKENS)
    assert torch.equal(gpt.write(loaded, prompt, lambda logits: logits, seed=3), drawn)
    found, lines = gpt.compare(Namespace(prompt="The moon", seed=0), loaded, words, set())
    assert {"greedy", "4 beams", "top-p 0.9", "people"} <= found.keys() and "## greedy" in lines
    longhand = model.generate(prompt[None], do_sample=False, max_new_tokens=10, min_new_tokens=10, pad_token_id=0)
    assert torch.equal(gpt.write(model, prompt, None, seed=0)[:, :10], longhand[:, len(prompt) :])


def test_05_a_bark_in_the_public_format_is_loaded_and_its_stages_are_its_generate(tmp_path: Path) -> None:
    bark = lesson("05_bark")
    torch.manual_seed(0)
    model, processor = bark.small_bark()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded, letters = lesson("gen_utils").load_public(asked(tmp_path), bark.load_model)
    inputs = letters(["three seven"], max_length=bark.LETTERS)
    assert inputs["attention_mask"].sum() == len("threeseven")
    stages = bark.three_stages(loaded, inputs)
    again = bark.three_stages(model.eval(), processor(["three seven"], max_length=bark.LETTERS))
    assert torch.equal(stages.fine, again.fine)
    assert stages.coarse.shape[1] == 2 * stages.fine.shape[2] and stages.fine.shape[1] == bark.BOOKS
    whole = loaded.generate(**inputs)
    with torch.no_grad():
        assert torch.allclose(loaded.codec_decode(stages.fine.long()), whole, atol=1e-5)
    told = Namespace(model="a folder", text="one two", voice=None, out=tmp_path / "out")
    assert bark.public(told, loaded, letters)["public_samples"] > 0
    assert (tmp_path / "out" / "public.wav").is_file()


def test_05_the_second_stage_speaks_as_it_was_trained() -> None:
    """Tokens that fill up a short meaning are seen, not masked, in the training and by `generate` alike."""
    bark = lesson("05_bark")
    torch.manual_seed(0)
    model = bark.small_bark()[0].eval()
    places = bark.Places.of(model)
    meaning = torch.tensor([[1, 5, 9, 2, 7, 30, 4]])
    ended = torch.nn.functional.pad(meaning, (0, 3), value=places.semantic.semantic_pad_token)
    coarse = model.coarse_acoustics.generate(
        ended, semantic_generation_config=places.semantic, coarse_generation_config=places.coarse,
        codebook_size=bark.CODES,
    )  # fmt: skip
    assert coarse.shape == (1, 2 * meaning.shape[1])
    heard = bark.padded([meaning[0]], bark.STEPS_MOST, places.coarse.coarse_semantic_pad_token)
    given = torch.cat([heard, torch.tensor([[places.coarse.coarse_infer_token]]), coarse[:, :-1]], dim=1)
    with torch.no_grad():
        logits = model.coarse_acoustics(input_ids=given, use_cache=False).logits[0, bark.STEPS_MOST :]
    for place, row in enumerate(logits):
        first = bark.MEANINGS + place % 2 * bark.CODES  # the two books take turns
        assert first + int(row[first : first + bark.CODES].argmax()) == int(coarse[0, place])


def test_05_a_voice_prompt_goes_through_all_stages(tmp_path: Path) -> None:
    bark = lesson("05_bark")
    torch.manual_seed(1)
    model, processor = bark.small_bark()
    random = np.random.default_rng(0)
    voice = {
        "semantic_prompt": random.integers(bark.MEANINGS, size=12),
        "coarse_prompt": random.integers(bark.CODES, size=(2, 12)),
        "fine_prompt": random.integers(bark.CODES, size=(bark.BOOKS, 12)),
    }
    np.savez(tmp_path / "voice.npz", **voice)
    inputs = processor(["one two"], voice_preset=str(tmp_path / "voice.npz"), max_length=bark.LETTERS)
    stages = bark.three_stages(model.eval(), inputs)
    assert stages.fine.shape[1] == bark.BOOKS and 0 <= int(stages.fine.min()) <= int(stages.fine.max()) < bark.CODES


def test_05_more_books_describe_more() -> None:
    tokens = lesson("sound_tokens")
    vectors = torch.randn(300, tokens.STACK * 82, generator=torch.Generator().manual_seed(0))
    quantiser = tokens.Quantiser.fitted(vectors, 0)
    codes = quantiser.codes(vectors)
    errors = [float((vectors - quantiser.vectors(codes[:, :n])).square().mean()) for n in range(1, tokens.BOOKS + 1)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.7 * errors[0]
    assert codes.shape == (300, tokens.BOOKS) and int(quantiser.meanings(vectors).max()) < tokens.MEANINGS


def test_06_a_stable_diffusion_in_the_public_format_is_loaded_and_paints_the_same(tmp_path: Path) -> None:
    diffusion = lesson("06_stable_diffusion")
    torch.manual_seed(0)
    pipeline = diffusion.pipeline_of(diffusion.make_parts())
    pipeline.save_pretrained(tmp_path)
    assert {"model_index.json", "unet", "vae", "text_encoder", "tokenizer", "scheduler"} <= {
        path.name for path in tmp_path.iterdir()
    }
    loaded = lesson("gen_utils").load_public(asked(tmp_path), diffusion.load_model)
    pictures = [diffusion.paint(made, ["a red boat by day"], 2.0, 0, 2) for made in (pipeline, loaded)]
    assert pictures[0].shape == (1, 3, 32, 32) and torch.allclose(*pictures, atol=1e-5)
    told = Namespace(prompt="a blue boat at night", title="Night", seed=0, out=tmp_path)
    diffusion.make_cover(loaded, told, "cover.png", 2, 3.0)
    assert (tmp_path / "cover.png").stat().st_size > 5000


def test_07_a_clip_in_the_public_format_is_loaded_and_matches_the_same(tmp_path: Path) -> None:
    clip, drawings = lesson("07_clip"), lesson("drawings")
    scenes = drawings.all_scenes()[::40]
    sentences = [scene.caption for scene in scenes]
    torch.manual_seed(0)
    model, processor = clip.small_clip(sentences)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded, prepared = lesson("gen_utils").load_public(asked(tmp_path), clip.load_model)
    pictures = clip.as_pixels(drawings.draw_scenes(scenes, 0))
    chances = clip.match(model.eval(), processor, sentences, pictures)
    assert torch.allclose(clip.match(loaded, prepared, sentences, pictures), chances, atol=1e-6)
    assert chances.sum(dim=1).numpy() == pytest.approx(1)
    assert 0 <= clip.share_found(loaded, prepared, scenes, clip.TOLD[0], 0) <= 1
    prepared_pixels = processor(text=["x"], images=list(pictures), return_tensors="pt")["pixel_values"]
    assert torch.allclose(prepared_pixels, drawings.draw_scenes(scenes, 0), atol=0.01)  # trained on the same scale


# ----------------------------------------------------------------------------------------------------------- the ideas


def test_02_the_penalty_is_the_detectives_slope() -> None:
    gan = lesson("02_gan")
    detective = torch.nn.Linear(3, 1)
    real, fake = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0))
    plain, steep = (float(gan.detective_loss(detective, real, fake, penalty).detach()) for penalty in (0.0, 4.0))
    assert steep - plain == pytest.approx(2.0 * float(detective.weight.square().sum()), rel=1e-5)


def test_03_no_noise_at_the_first_level_and_no_picture_at_the_last() -> None:
    diffusion = lesson("03_diffusion")
    left = diffusion.cosine_schedule(diffusion.LEVELS)
    assert left[0] > 0.99 and left[-1] < 1e-3 and bool((left.diff() < 0).all())
    assert diffusion.ddpm_difference(left) < 1e-4


def test_03_with_the_true_noise_ddim_finds_the_picture_in_any_number_of_steps() -> None:
    diffusion = lesson("03_diffusion")
    left = diffusion.cosine_schedule(diffusion.LEVELS)
    picture = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    start = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))

    def knows(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        share = left[int(t[0])]
        return (x - share.sqrt() * picture) / (1 - share).sqrt()

    for steps in (3, 20):
        assert torch.allclose(diffusion.sample(knows, start, left, steps, 0.0), picture, atol=1e-3)


def test_04_repetition_and_diversity_of_texts_that_are_plain() -> None:
    gpt = lesson("04_text_gpt")
    assert gpt.repetition(["a b c d e f"]) == 0
    assert gpt.repetition(["a b c a b c a b c"]) == pytest.approx(1 - 3 / 7)
    assert gpt.diversity(["a b a b a b"]) == pytest.approx(2 / 5)
    assert gpt.proof(300) == 0


def test_07_every_sentence_is_true_of_its_scene_and_the_story_asks_for_scenes_that_exist() -> None:
    clip, drawings = lesson("07_clip"), lesson("drawings")
    for scene in drawings.all_scenes():
        for form in clip.TOLD:
            words = re.findall(r"[a-z]+", clip.tell(scene, form).lower())
            assert {scene.thing, scene.colour, scene.sky} <= set(words)
    assert {scene.caption for _, scene in clip.STORY} <= {scene.caption for scene in drawings.all_scenes()}


def test_07_the_vocabulary_is_the_same_in_every_run() -> None:
    captions = ["a red house by day", "it is night, and the boat is blue!", "look, a star?"]
    made = [lesson("drawings").clip_tokenizer(captions, 24).get_vocab() for _ in range(4)]
    assert all(vocabulary == made[0] for vocabulary in made)  # a hash table's order had been in it


def test_07_the_tokenizer_spells_words_it_never_saw() -> None:
    tokenizer = lesson("drawings").clip_tokenizer(["a red boat by day"], 24)
    ids = tokenizer("a zebra by day")["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "a zebra by day"


def test_07_slides_change_with_the_sound(tmp_path: Path) -> None:
    show = lesson("slide_show")
    colours = np.eye(3)
    slides = [show.Slide(np.tile(colours[n], (64, 64, 1)), f"part {n} </script>", n, n + 1.0) for n in range(3)]
    sound = 0.1 * np.sin(np.arange(3 * RATE) / 20).astype(np.float32)
    show.write_video(tmp_path / "a.mp4", slides, sound, RATE)
    seen, heard = show.video_seconds(tmp_path / "a.mp4")
    assert seen == pytest.approx(3, abs=0.11) and heard == pytest.approx(3, abs=0.1)
    import av

    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = [frame.to_ndarray(format="rgb24").mean(axis=(0, 1)).argmax() for frame in container.decode(video=0)]
    assert shown == [0] * 10 + [1] * 10 + [2] * 10
    show.write_page(tmp_path / "a.html", slides, sound, RATE, "A & B")
    page = (tmp_path / "a.html").read_text()
    assert page.count("</script>") == 1 and page.count("data:image/png") == 3 and "<title>A &amp; B</title>" in page


def buzz(seed: int, seconds: float = 4.0) -> np.ndarray:
    """Something like speech: a buzz whose timbre and loudness wander, over faint noise."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    wander = [
        np.interp(t, np.arange(0, seconds, 0.1), random.uniform(0.1, 1, len(np.arange(0, seconds, 0.1))))
        for _ in range(40)
    ]
    sound = sum(w * np.sin(2 * np.pi * 120 * (k + 1) * t) / (k + 1) ** 0.5 for k, w in enumerate(wander))
    return (0.05 * sound + 1e-3 * random.normal(size=len(t))).astype(np.float32)


def test_08_the_mark_is_found_with_its_key_alone() -> None:
    water, trust = lesson("watermark"), lesson("08_trust")
    sound = buzz(0)
    marked = water.mark(sound, RATE, key=5)
    change = 10 * np.log10(np.mean((marked - sound) ** 2) / np.mean(sound**2))
    assert len(marked) == len(sound) and change < -12
    assert water.score(marked, RATE, 5) > water.LIMIT
    assert max(water.score(sound, RATE, key) for key in range(20)) < water.LIMIT
    assert max(water.score(marked, RATE, key) for key in range(6, 26)) < water.LIMIT
    assert water.score(trust.recode(marked, "mp3"), RATE, 5) > water.LIMIT
    assert water.score(marked[12_345:], RATE, 5) > water.LIMIT


def test_08_a_pattern_favours_no_band() -> None:
    tiles = lesson("watermark").pattern(1)
    assert set(np.unique(tiles)) == {-1.0, 1.0} and not tiles.sum(axis=1).any()


def test_08_the_equal_error_rate_of_scores_that_are_plain() -> None:
    rate = lesson("08_trust").equal_error_rate
    assert rate(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 0
    assert rate(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 3.0])) == pytest.approx(0.5)
    assert rate(np.array([1.0, 5.0, 6.0, 7.0]), np.array([0.0, 0.1, 0.2, 5.5])) == pytest.approx(0.25)


def test_08_the_capstone_does_not_speak_for_who_did_not_agree(capsys) -> None:
    assert lesson("08_trust").consent_lesson() == 1
    assert "refused" in capsys.readouterr().out
