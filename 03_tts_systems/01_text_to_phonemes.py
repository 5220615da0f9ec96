"""From letters to sounds: rules by hand, a lexicon, a model that learns to spell backwards, and two libraries.

What you will learn
    - why a voice is given phonemes and not letters: "cough", "though" and "through"
    - how far thirty rules get, what a lexicon of 126,000 words gives, and which words it cannot hold
    - a letter-to-sound model: letters aligned with sounds by expectation maximisation, then the widest known context
    - two libraries, gruut and espeak-ng, on words that break rules and on words spelt alike ("read", "live", "wind")
    - what the capstone does with the same words
How to run it
    python 01_text_to_phonemes.py --quick     6,000 words to learn from, no network, about 10 s
    python 01_text_to_phonemes.py             60,000 words, about 23 s; nothing is downloaded either
Time and memory on 2 CPU cores: quick 10 s, full 23 s; 1.1 GB.
Writes outputs/: phonemes.png, hard_words.csv
Concepts: TTS_CONCEPTS_EXPLAINED.md (phonemes, pronunciation lexicon, letter-to-sound)
"""

import functools
import math
import re
from collections import Counter, defaultdict
from pathlib import Path

import jiwer
import pocketsphinx
from matplotlib.figure import Figure
from tts_utils import BLUE, GREEN, GREY, ORANGE, PURPLE, espeak, of_ipa, prepare_cpu, save_figure, write_csv

from coursekit.cli import run_script, script_parser
from coursekit.data import transcripts
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
LONGEST_WORD = 14  # letters; longer ones are rare and slow to align
ROUNDS = 4  # of expectation maximisation; the alignment hardly changes after the third
ALIGNED_AT_FIRST = 3000  # words the probabilities are found with; all words are aligned once afterwards
# How far the model looks to the left and to the right of a letter, the widest first. Wider than 4 is a lexicon.
CONTEXTS = ((4, 4), (3, 4), (3, 3), (2, 3), (2, 2), (1, 2), (1, 1), (0, 1), (0, 0))

# Words whose spelling says little, and three that no dictionary has. Several ways of saying them count as right.
HARD = ("colonel", "choir", "yacht", "queue", "island", "subtle", "worcestershire", "chaos", "genre", "debris",
        "hyperbole", "pneumonia", "though", "cough", "through", "rendezvous", "siobhan", "quinoa")  # fmt: skip
NEW = {"tacotron": "T AE K AH T R AA N", "vocoder": "V OW K OW D ER", "spectrogram": "S P EH K T R AH G R AE M"}
# Words spelt alike: the sentence decides. (sentence, sounds that must be in it, sounds that must not)
HOMOGRAPHS = (
    ("i read it yesterday", "R EH D", "R IY D"), ("i will read it tomorrow", "R IY D", "R EH D"),
    ("they live here", "L IH V", "L AY V"), ("it was a live concert", "L AY V", "L IH V"),
    ("the wind is cold", "W IH N D", "W AY N D"), ("we wind the clock", "W AY N D", "W IH N D"),
    ("a lead pipe", "L EH D", "L IY D"), ("they lead us home", "L IY D", "L EH D"),
    ("please close the door", "K L OW Z", "K L OW S"), ("we stood close to it", "K L OW S", "K L OW Z"),
    ("he plays the bass", "B EY S", "B AE S"), ("he caught a bass", "B AE S", "B EY S"),
)  # fmt: skip

# ----------------------------------------------------------------------------------------------------------------------
# rules and lexicon

# Longest first, from the left. An empty right side is a silent letter; "e#" is an e at the end of a word.
RULES = dict(rule.split("=") for rule in (
    "tion=SH,AH,N sion=ZH,AH,N ough=AO igh=AY tch=CH ck=K ch=CH sh=SH th=TH ph=F wh=W kn=N wr=R ng=NG qu=K,W ee=IY "
    "ea=IY oo=UW ou=AW ow=OW oa=OW ai=EY ay=EY oi=OY oy=OY au=AO aw=AO ew=UW ie=IY er=ER ir=ER ur=ER ar=AA,R or=AO,R "
    "ll=L ss=S tt=T ff=F rr=R nn=N mm=M pp=P bb=B dd=D gg=G zz=Z cc=K ce=S,EH ci=S,IH cy=S,IY ge=JH,EH gi=JH,IH "
    "ce#=S ge#=JH e#= y#=IY es#=Z ed#=D a=AE b=B c=K d=D e=EH f=F g=G h=HH i=IH j=JH k=K l=L m=M n=N o=AA p=P q=K "
    "r=R s=S t=T u=AH v=V w=W x=K,S y=Y z=Z #="
).split())  # fmt: skip


def by_rules(word: str) -> list[str]:
    """Return the sounds of a word by the rules alone: at each place the longest rule that fits."""
    rest, sounds = f"{word}#", []
    while rest:
        size = next(size for size in (4, 3, 2, 1) if rest[:size] in RULES)
        sounds += [sound for sound in RULES[rest[:size]].split(",") if sound]
        rest = rest[size:]
    return sounds


@functools.cache
def lexicon() -> dict[str, list[str]]:
    """Return the CMU Pronouncing Dictionary, word -> ways of saying it. It travels inside the PocketSphinx package."""
    ways = defaultdict(list)
    with open(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"), encoding="utf-8") as file:
        for line in file:
            word, sounds = line.strip().split(" ", 1)
            ways[re.sub(r"\(\d+\)$", "", word)].append(sounds)  # concept: pronunciation lexicon
    return dict(ways)


# ----------------------------------------------------------------------------------------------------------------------
# a letter-to-sound model

Chunk = tuple[str, ...]  # the sounds of one letter: none ("b" in "debt"), one, or two ("x" in "fox")


def align(word: str, sounds: Chunk, costs: dict[str, dict[Chunk, float]]) -> list[Chunk]:
    """Return which sounds each letter makes: the cheapest way to cut `sounds` into as many chunks as there are letters.

    best[j] is the cost of giving the first j sounds to the letters so far; each letter takes 0, 1 or 2 more (Viterbi).
    """
    best: dict[int, tuple[float, list[Chunk]]] = {0: (0.0, [])}
    for left, letter in zip(range(len(word) - 1, -1, -1), word, strict=True):
        known, reached = costs[letter], {}
        for j, (cost, path) in best.items():
            for size in (0, 1, 2):
                if not j + size <= len(sounds) <= j + size + 2 * left:
                    continue  # too many sounds would be left for the letters that follow
                chunk = sounds[j : j + size]
                total = cost + known.get(chunk, 12.0)  # 12 = -log(6e-6): never seen, not impossible
                if j + size not in reached or total < reached[j + size][0]:
                    reached[j + size] = (total, [*path, chunk])
        best = reached
    return best[len(sounds)][1] if len(sounds) in best else []


def learn_costs(words: list[tuple[str, Chunk]]) -> dict[str, dict[Chunk, float]]:
    """Find -log P(chunk | letter) from words alone: guess, align, count, and again (hard expectation maximisation)."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for word, sounds in words:  # the first guess: a letter makes the sounds that stand at about its place
        for i, letter in enumerate(word):
            place = (i + 0.5) * len(sounds) / len(word)
            for j, sound in enumerate(sounds):
                counts[letter][(sound,)] += math.exp(-abs(j + 0.5 - place))
    for letter in counts:
        whole = sum(counts[letter].values())
        counts[letter][()] = 0.2 * whole
        for chunk in [pair for pair in counts[letter] if len(pair) == 1]:
            for other in ("S", "UW", "W", "AH", "IY"):
                counts[letter][(chunk[0], other)] = 0.02 * counts[letter][chunk]
    for _ in range(ROUNDS):
        costs = _costs(counts)
        counts = defaultdict(Counter)
        for word, sounds in words:
            for letter, chunk in zip(word, align(word, sounds, costs), strict=False):
                counts[letter][chunk] += 1  # concept: letter-to-sound
    return _costs(counts)


def _costs(counts: dict[str, Counter]) -> dict[str, dict[Chunk, float]]:
    found: dict[str, dict[Chunk, float]] = defaultdict(dict)
    for letter, chunks in counts.items():
        whole = sum(chunks.values())
        found[letter] = {chunk: -math.log(count / whole) for chunk, count in chunks.items() if count > 0}
    return found


class LetterToSound:
    """What a letter sounds like in the widest context that was seen: a decision list."""

    def __init__(self, words: list[tuple[str, Chunk]]) -> None:
        costs = learn_costs(words[:ALIGNED_AT_FIRST])
        seen: dict[str, Counter] = defaultdict(Counter)
        for word, sounds in words:
            for i, chunk in enumerate(align(word, sounds, costs)):
                for context in self._contexts(word, i):
                    seen[context][chunk] += 1
        self.table = {context: chunks.most_common(1)[0][0] for context, chunks in seen.items()}

    @staticmethod
    def _contexts(word: str, i: int) -> list[str]:
        """ "cat", 1 -> ["###c>a<t###", ..., ">a<"], the widest first; # is beyond the word."""
        padded = f"####{word}####"
        i += 4
        return [f"{padded[i - left : i]}>{padded[i]}<{padded[i + 1 : i + 1 + right]}" for left, right in CONTEXTS]

    def __call__(self, word: str) -> list[str]:
        chunks = (
            next((self.table[c] for c in self._contexts(word, i) if c in self.table), ()) for i in range(len(word))
        )
        return [sound for chunk in chunks for sound in chunk]


# ----------------------------------------------------------------------------------------------------------------------
# the libraries


def by_gruut(text: str) -> list[str]:
    """Return the sounds of a text by gruut: a lexicon with parts of speech, and a trained model for the rest."""
    import gruut

    words = (word for sentence in gruut.sentences(text, lang="en-us") for word in sentence)
    return [sound for word in words for part in word.phonemes or () for sound in of_ipa(part)]


def by_espeak(text: str) -> list[str]:
    """Return the sounds of a text by espeak-ng: some thousands of hand-made rules and exceptions."""
    return of_ipa(espeak().ipa(text))


@functools.cache
def gruut_model():
    """Return gruut's letter-to-sound model, without its lexicon."""
    import gruut_lang_en
    from gruut.g2p import GraphemesToPhonemes

    return GraphemesToPhonemes(str(Path(gruut_lang_en.__file__).parent / "g2p" / "model.crf"))


def by_gruuts_model(word: str) -> list[str]:
    return [sound for part in gruut_model()(word) for sound in of_ipa(part)]


# ----------------------------------------------------------------------------------------------------------------------
# judging


def loose(sounds) -> str:
    """Sounds as one string; what dictionaries write either way (weak vowels, cot and caught) becomes the same."""
    same = {"IH": "AH", "AO": "AA", "UH": "AH"}
    return " ".join(same.get(sound, sound) for sound in (sounds.split() if isinstance(sounds, str) else sounds))


def errors(said: list[str], wanted: list[str]) -> tuple[float, float]:
    """Return the share of words that are wrong, and the phoneme error rate (edits over sounds)."""
    wrong = sum(a != b for a, b in zip(said, wanted, strict=True)) / len(wanted)
    return wrong, jiwer.process_words(wanted, [one or "-" for one in said]).wer  # sounds are jiwer's "words" here


def judge_unseen(settings, random) -> tuple[dict, list, LetterToSound]:
    """Ask everybody for words that the model has not seen; return errors by name, the learning curve, the model."""
    plain = {w: ways for w, ways in lexicon().items() if w.isalpha() and w.isascii() and 3 <= len(w) <= LONGEST_WORD}
    words = [(word, tuple(ways[0].split())) for word, ways in plain.items()]
    words = [words[i] for i in random.permutation(len(words))]
    n_test, n_train = (500, 6000) if settings.quick else (2000, 60_000)
    test, train = words[:n_test], words[n_test : n_test + n_train]
    wanted = [" ".join(sounds) for _, sounds in test]
    print(f"{len(lexicon()):,} words in the lexicon. {n_train:,} to learn from, {n_test:,} others to be asked for.")
    curve = []
    for share in (1 / 16, 1 / 4, 1):
        model = LetterToSound(train[: round(share * n_train)])
        curve.append((round(share * n_train), *errors([" ".join(model(word)) for word, _ in test], wanted)))
        n, wrong, rate = curve[-1]
        print(f"   learned from {n:>6,} words: {wrong:.0%} of words wrong, {rate:.1%} of sounds")
    found = {"rules": errors([" ".join(by_rules(word)) for word, _ in test], wanted), "model": curve[-1][1:]}
    wanted = [loose(one) for one in wanted]
    ours = {
        "rules, loosely": by_rules,
        "model, loosely": model,
        "gruut's model": by_gruuts_model,
        "espeak-ng": by_espeak,
    }
    for name, speak in ours.items():
        found[name] = errors([loose(speak(word)) for word, _ in test], wanted)
    print("\non words nobody has looked up       words wrong   sounds wrong")
    for name, (wrong, rate) in found.items():
        print(f"   {name:<30} {wrong:>10.0%} {rate:>13.1%}")
    print("   (gruut learned from this dictionary, and espeak-ng's list holds some of the words: they have an edge.)")
    return found, curve, model


def judge_hard(model: LetterToSound, path) -> dict[str, float]:
    """Ask for hard words, print and write what everybody says; return the share each has right."""
    speakers = {"rules": by_rules, "model": model, "gruut": by_gruut, "espeak-ng": by_espeak}
    rows, right = [], Counter()
    print("\nword             " + "".join(f"{name:<26}" for name in speakers) + "(* is right)")
    for word in (*HARD, *NEW):
        ways = [loose(way) for way in lexicon().get(word, [NEW.get(word, "")])]
        cells = []
        for name, speak in speakers.items():
            sounds = speak(word)
            good = loose(sounds) in ways
            right[name] += good
            cells.append(" ".join(sounds) + ("*" if good else ""))
        rows.append([word, *cells])
        print(f"{word:<16} " + "".join(f"{cell:<26}" for cell in cells))
    write_csv(path, [["word", *speakers], *rows])
    return {name: right[name] / len(rows) for name in speakers}


def judge_homographs() -> dict[str, float]:
    """Let the libraries say sentences with words spelt alike; return the share each says as it is meant."""
    right: dict[str, float] = {}
    for name, speak in {"gruut": by_gruut, "espeak-ng": by_espeak}.items():
        good = []
        for sentence, yes, no in HOMOGRAPHS:
            said = f" {' '.join(speak(sentence))} "
            good.append(f" {yes} " in said and f" {no} " not in said)
        wrong = [sentence for (sentence, _, _), fine in zip(HOMOGRAPHS, good, strict=True) if not fine]
        right[name] = sum(good) / len(good)
        print(f"   {name:<10} {right[name]:.0%} as meant; not: {'; '.join(wrong)}")
    return right


def plot(found: dict, curve: list, path) -> None:
    """Draw the learning curve and the comparison."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([n for n, _, _ in curve], [100 * wrong for _, wrong, _ in curve], "o-", color=BLUE, label="words")
    left.plot([n for n, _, _ in curve], [100 * rate for _, _, rate in curve], "s--", color=ORANGE, label="sounds")
    left.set(xscale="log", xlabel="words learned from", ylabel="wrong (%)", ylim=(0, 100), title="the model")
    left.legend()
    names = [name for name in found if name not in ("rules", "model")]
    right.barh(names, [100 * found[name][0] for name in names], color=[GREY, BLUE, GREEN, PURPLE])
    right.set(xlabel="words wrong (%)", xlim=(0, 100), title="words nobody has looked up")
    save_figure(figure, path)


def main(settings) -> dict:
    random = prepare_cpu(settings, "dictionaries and counting; there is nothing to compute on a GPU")
    for word in ("cough", "though", "through"):
        print(f"{word:<8} by the rules {' '.join(by_rules(word)):<10} in the lexicon {lexicon()[word][0]}")
    running = re.findall(r"[a-z']+", " ".join(transcripts("ljspeech_sample").values()).lower())
    covered = sum(word in lexicon() for word in running) / len(running)
    print(f"Of {len(running)} words that a book's reader says (LJSpeech), the lexicon has {covered:.1%}.")
    found, curve, model = judge_unseen(settings, random)
    hard = judge_hard(model, settings.out / "hard_words.csv")
    print("\nWords spelt alike, in twelve sentences")
    alike = judge_homographs()
    plot(found, curve, settings.out / "phonemes.png")
    print(f"phonemes.png: with {curve[-1][0]:,} words the model says {1 - curve[-1][1]:.0%} of new words right")
    from voice_pipeline.engines.starter.frontend import encode, phonemes

    text = "the colonel's yacht"
    said = phonemes(text)  # IPA with stress; one letter a sound, and each a row of the embedding
    print(f'the capstone: "{text}" -> {said.encode("unicode_escape").decode()} -> {len(encode(text))} symbols')
    return {
        "lexicon_covers": covered,
        "rules_words_wrong": found["rules"][0],
        "model_words_wrong": found["model"][0],
        "model_sounds_wrong": found["model"][1],
        "gained_by_16_times_the_words": curve[0][2] - curve[-1][2],
        "hard_by_rules": hard["rules"],
        "hard_by_gruut": hard["gruut"],
        "hard_by_espeak": hard["espeak-ng"],
        "alike_by_gruut": alike["gruut"],
        "alike_by_espeak": alike["espeak-ng"],
    }


EXPECTED = {
    "lexicon_covers": Expected(quick=(0.95, 1), full=(0.95, 1)),
    "rules_words_wrong": Expected(quick=(0.7, 0.97), full=(0.7, 0.97)),
    "model_words_wrong": Expected(quick=(0.4, 0.75), full=(0.25, 0.55)),
    "model_sounds_wrong": Expected(quick=(0.08, 0.28), full=(0.04, 0.15)),
    "gained_by_16_times_the_words": Expected(quick=(0.02, 0.4), full=(0.02, 0.4)),
    "hard_by_rules": Expected(quick=(0, 0.3), full=(0, 0.3)),
    "hard_by_gruut": Expected(quick=(0.6, 1), full=(0.6, 1)),
    "hard_by_espeak": Expected(quick=(0.4, 1), full=(0.4, 1)),
    "alike_by_gruut": Expected(quick=(0.4, 1), full=(0.4, 1)),
    "alike_by_espeak": Expected(quick=(0.3, 1), full=(0.3, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_mel_to_audio.py")
