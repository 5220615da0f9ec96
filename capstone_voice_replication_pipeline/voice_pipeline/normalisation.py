"""Written English to speakable English: "$3.50 on 3/4/2026" becomes words.

Numbers are put into words by inflect and num2words, letters of other scripts by anyascii, addresses are recognised
by spaCy. What is ours is the order of the rules. Every pattern is bounded or anchored, so that its time grows with
the length of the text and not faster.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from anyascii import anyascii

from voice_pipeline import english
from voice_pipeline import numbers_in_words as words

_LONGEST_WORD = 200
_KEPT_SIGNS = "\u00b0\u00b5\u03a9\u20ac\u00a3\u00a5\u20b9"
_STARTERS = "|".join(english.SENTENCE_STARTERS)
_END = rf"(?=[\"')]*(?:\s+[\"'(]*(?:{_STARTERS})\b|\s*$))"

_NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,5}(?:\.\d+)?|\d{1,15}(?:\.\d+)?)(?![\d])"
_START = r"(?<![\w.,])"
_MONTHS = "|".join(english.MONTHS)
_MONEY = "|".join(re.escape(sign) for sign in english.CURRENCIES if not sign.isalpha())
_CODES = "|".join(sign for sign in english.CURRENCIES if sign.isalpha())
_SCALES = "|".join(sorted(english.SCALES, key=len, reverse=True))
_UNITS = "|".join(re.escape(unit) for unit in sorted(english.UNITS, key=len, reverse=True))


@dataclass(frozen=True)
class Normalised:
    """A text ready to be spoken.

    Attributes:
        text: letters a to z, apostrophes inside words, hyphens, spaces and , . ; : ! ? only.
        transliterated: characters of other scripts that were written in Latin letters, each once.
        dropped: characters that have no spoken form and were left out, each once.
    """

    text: str
    transliterated: str = ""
    dropped: str = ""


class _PlainCharacters(dict[int, str]):
    """Translation table for `str.translate` that works out an unknown character once."""

    def __missing__(self, code: int) -> str:
        plain = _plain_character(chr(code))
        self[code] = plain
        return plain


def _plain_character(character: str) -> str:
    if character in _KEPT_SIGNS or (character.isascii() and character.isprintable()):
        return character
    if character in english.CHARACTERS:
        return english.CHARACTERS[character]
    category = unicodedata.category(character)
    if category[0] == "N":
        return f" {anyascii(character)} " if category == "No" else anyascii(character)
    if category[0] == "L":
        latin = anyascii(character)
        return f"{latin} " if len(latin) > 1 and latin[0].isupper() and not character.isupper() else latin
    if category[0] == "P":
        return anyascii(character)
    return "" if category[0] == "M" or category in ("Cf", "Sk") else " "


_plain = _PlainCharacters()
_silent = set("\ufeff\u200b\u200c\u200d\u2060\ufe0f\u00ad")


def normalise(text: str) -> Normalised:
    """Spell out one paragraph or more for a voice that knows only words.

    Args:
        text: any text; paragraphs stay apart by an empty line.

    Returns:
        The speakable text (empty when nothing in it can be spoken) and what happened to unusual characters.
    """
    composed = unicodedata.normalize("NFC", text)
    unusual = sorted(c for c in set(composed) if not c.isascii() and c not in english.CHARACTERS)
    letters = [c for c in unusual if unicodedata.category(c)[0] in "LN" and c not in _KEPT_SIGNS]
    dropped = [c for c in unusual if unicodedata.category(c)[0] in "SC" and c not in _KEPT_SIGNS and c not in _silent]
    nameless = {c for c in letters if not anyascii(c).strip()}
    dropped += sorted(nameless)
    paragraphs = (_paragraph(paragraph) for paragraph in split_paragraphs(composed))
    return Normalised(
        "\n\n".join(paragraph for paragraph in paragraphs if paragraph),
        transliterated="".join(c for c in letters if c not in nameless),
        dropped="".join(dropped),
    )


def split_paragraphs(text: str) -> list[str]:
    """Paragraphs of a text: parted by empty lines, list items by their bullets; line breaks inside become spaces."""
    paragraphs: list[list[str]] = [[]]
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or re.match(r"[-*\u2022]\s|#{1,6}\s", stripped):
            paragraphs.append([])
        paragraphs[-1].append(re.sub(r"^(?:[-*\u2022]|#{1,6})\s+", "", stripped))
    joined = (" ".join(lines).strip() for lines in paragraphs)
    return [paragraph for paragraph in joined if paragraph]


def _paragraph(text: str) -> str:
    text = re.sub(r"\s+", " ", text.translate(_plain)).strip()
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _tidy(text)


def _tidy(text: str) -> str:
    text = text.translate(_signs)
    text = re.sub(r"[^A-Za-z',.;:!?-]+", " ", text)
    text = re.sub(rf"(?<![A-Za-z])'(?!(?:{'|'.join(english.ELISIONS)})\b)|'(?![A-Za-z])", "", text)
    text = re.sub(r"(?<![A-Za-z])-+|-+(?![A-Za-z])", ", ", text)
    text = re.sub(r"[\s,.;:!?]*[,.;:!?][\s,.;:!?]*", _strongest_mark, text)
    text = re.sub(rf"[^\s]{{{_LONGEST_WORD}}}(?=[^\s])", r"\g<0> ", text)
    text = re.sub(r"\s+", " ", text).strip(" ,;:-")
    text = re.sub(r"^[,.;:!?\s]+", "", text)
    text = re.sub(r"(?:^|(?<=[.!?] ))[a-z]", lambda first: first[0].upper(), text)
    return text if re.search(r"[A-Za-z]", text) else ""


def _strongest_mark(match: re.Match[str]) -> str:
    marks = match[0]
    return next(mark for mark in "?!.;:," if mark in marks) + " "


_signs = str.maketrans(english.SIGNS)


@functools.cache
def _like_url() -> Callable[[str], bool]:
    from spacy.lang.lex_attrs import like_url  # spaCy takes seconds to import

    return like_url


@functools.cache
def _small_words() -> set[str]:
    from spacy.lang.en.stop_words import STOP_WORDS

    return STOP_WORDS


def _address(match: re.Match[str]) -> str:
    """Read a web or mail address; other runs of characters stay as they are."""
    run = match[0]
    core = run.strip("\"'()[]<>{},;!?.:*")
    if not 4 <= len(core) <= 2000 or not ("@" in core[1:-1] or "://" in core or _like_url()(core)):
        return run
    if "@" in core and not re.fullmatch(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", core):
        return run
    spoken = re.sub(r"^[a-z]{1,10}://", "", core, flags=re.IGNORECASE).rstrip("/")
    spoken = re.sub(r"^www\.", "WWW.", spoken)
    before, _, after = run.partition(core)
    return before + re.sub(r"[^\w\s]", lambda sign: english.URL_SIGNS.get(sign[0], " "), spoken) + after


def _abbreviations(table: dict[str, str], before: str = r"(?<![\w.'])", after: str = "") -> re.Pattern[str]:
    keys = "|".join(re.escape(key) for key in sorted(table, key=len, reverse=True))
    return re.compile(rf"{before}({keys})\.{after}")


def _from(table: dict[str, str], suffix: str = "") -> Callable[[re.Match[str]], str]:
    return lambda match: table[match[1]] + suffix


def _letters(match: re.Match[str]) -> str:
    return match[0].replace(".", "").replace(" ", "")


def _date(match: re.Match[str]) -> str:
    return words.date(match["year"], match["month"], match["day"]) or match[0]


def _day_of_month(match: re.Match[str]) -> str:
    if not 1 <= int(match["day"]) <= 31:
        return match[0]
    year = f", {words.year(match['year'])}" if match["year"] else ""
    return f"{match['month']} {words.ordinal(match['day'])}{year}"


def _day_before_month(match: re.Match[str]) -> str:
    if not 1 <= int(match["day"]) <= 31:
        return match[0]
    article = match["article"] or "the "
    year = f", {words.year(match['year'])}" if match["year"] else ""
    return f"{article}{words.ordinal(match['day'])} of {match['month']}{year}"


def _time(match: re.Match[str]) -> str:
    half = (match["half"] or "").replace(".", "").upper()
    return words.time_of_day(match["hour"], match["minute"], match["second"], half) or match[0]


def _unit(match: re.Match[str]) -> str:
    if match["space"] and match["unit"] in english.NOT_AFTER_A_SPACE:
        return match[0]
    return f"{words.number(match['number'])} {words.amount(english.UNITS[match['unit']], match['number'])}"


def _money(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return words.money(groups["number"], english.CURRENCIES[groups["sign"]], english.SCALES.get(groups["scale"] or ""))


def _roman_after_name(match: re.Match[str]) -> str:
    name, numeral = match["name"], match["roman"]
    value = words.roman(numeral)
    if value is None:
        return match[0]
    if name in english.REGNAL_NAMES:
        ambiguous = numeral == "I" and not re.match(r"\s*(?:[,.;:)]|of\b|was\b|$)", match.string[match.end() :][:12])
        return match[0] if ambiguous else f"{name} the {words.ordinal(str(value))}"
    pronoun = numeral == "I" and name.islower() and re.match(r"\s[a-z]", match.string[match.end() :][:2])
    named = name.lower() in english.NUMBERED_THINGS and not pronoun
    if named or (name[0].isupper() and len(numeral) > 1 and not set(numeral) - set("IVX")):
        return f"{name} {words.number(str(value))}"
    return match[0]


def _capitals(match: re.Match[str]) -> str:
    word, plural = match["word"], match["plural"] or ""
    if word in english.SPELLED:
        return word + (f"'{plural}" if plural else "")
    if word in english.SPOKEN_AS_WORDS:
        return word.capitalize() + plural
    before_noon = word == "AM" and not match.string[: match.start()].endswith("I ")
    if word.lower() in _small_words() and not before_noon and word not in english.SPELLED_STOP_WORDS:
        return word.lower() + plural
    pronounceable = re.search(r"[AEIOUY]", word) and not re.search(r"[^AEIOUY]{4}", word)
    if len(word) > 3 and pronounceable:
        return word.capitalize() + plural
    return word + (f"'{plural}" if plural else "")


def _shouting(match: re.Match[str]) -> str:
    known = english.SPELLED | english.SPOKEN_AS_WORDS
    return re.sub(r"[A-Z]{2,}", lambda word: word[0] if word[0] in known else word[0].lower(), match[0])


_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_RULES: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"\S+"), _address),
    (re.compile(r"\((s|es)\)(?!\w)"), r"\1"),
    (_abbreviations(english.MAY_END, after=_END), _from(english.MAY_END, ".")),
    (_abbreviations(english.MAY_END, after=r"(?![A-Za-z])"), _from(english.MAY_END)),
    (_abbreviations(english.BEFORE_NUMBERS, after=r"(?=\s?(?:\d|[IVXLC]+\b))"), _from(english.BEFORE_NUMBERS, " ")),
    (_abbreviations(english.PHRASES, after=r"(?=[\s,:;)])(?!\s*$)"), _from(english.PHRASES)),
    (re.compile(rf"(?<=[A-Z])(?<!\bI)([a-z]{{1,15}}) St\.{_END}"), r"\1 Street."),
    (re.compile(r"([A-Z][a-z]{1,15}|\d(?:st|nd|rd|th)) St\.(?=[\s,;:)])"), r"\1 Street"),
    (re.compile(r"(?<![\w.])St\.(?=\s?[A-Z])"), "Saint"),
    (_abbreviations(english.TITLES, after=r"(?=\s?[A-Z]|\s(?:and|or|&)\s[A-Z])"), _from(english.TITLES, " ")),
    (re.compile(rf"(?<![\w.])(?:[A-Z]\.){{2,8}}{_END}"), lambda match: _letters(match) + "."),
    (re.compile(r"(?<![\w.])(?:[A-Z]\.\s?){2,8}(?=\s?[A-Z][a-z])"), lambda match: _letters(match) + " "),
    (re.compile(r"(?<![\w.])(?:[A-Z]\.){2,8}"), _letters),
    (
        re.compile(rf"(?<![\w.'])(?<!\b[Aa]nd )([A-Z])\.(?=\s[A-Z][a-z])(?!\s(?:{_STARTERS})\b)"),
        r"\1",
    ),
    (re.compile(r"(?<![\w.,])\d{16,}"), lambda match: words.digits(match[0])),
    (re.compile(r"(?<!\w)(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?!\w)"), _date),
    (re.compile(r"(?<![\w/])(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4}|\d{2})(?![\w/])"), _date),
    (re.compile(r"(?<!\w)(?:\+?\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[.-]\d{4}(?!\w)"), words.telephone),
    (re.compile(r"(?<![\w+])\+\d{1,3}(?:[ -]\d{2,5}){1,5}(?!\w)"), words.telephone),
    (re.compile(r"(?<![\w$.-])\d{3}-\d{4}(?![\w-])"), words.telephone),
    (re.compile(r"(?<![\w-])\d{1,6}(?:-\d{1,6}){2,6}(?![\w-])"), words.telephone),
    (
        re.compile(rf"\b(?P<month>{_MONTHS})\s{{1,3}}{_DAY}(?:,?\s{{1,3}}(?P<year>\d{{4}}))?(?![\w/:%]|[.,]\d)"),
        _day_of_month,
    ),
    (
        re.compile(
            rf"(?P<article>\b[Tt]he )?(?<![\w.,/]){_DAY}\s{{1,3}}(?:of )?(?P<month>{_MONTHS})\b"
            r"(?:,?\s{1,3}(?P<year>\d{4}))?(?!\d)"
        ),
        _day_before_month,
    ),
    (
        re.compile(
            r"(?<![\w:.])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?![\d:])"
            r"(?:\s?(?P<half>[AaPp]\.m\.|[AaPp][mM])(?!\w))?"
        ),
        _time,
    ),
    (re.compile(r"(?<![\w:.])(\d{1,2})\s?([AaPp][mM])(?!\w)"), lambda match: f"{match[1]} {match[2].upper()}"),
    (re.compile(r"(?<![\w:])(\d{1,4}):(\d{1,4})(?![\w:])"), r"\1 to \2"),
    (re.compile(rf"{_START}({_NUMBER})[eE]([+-]?\d{{1,4}})(?!\w)"), r"\1 times 10 to the power of \2"),
    (re.compile(rf"(?<=\d)-(?=(?:{_MONEY})?\d)"), " to "),
    (re.compile(rf"(?<![\w)])-\s?(?=(?:{_MONEY})?\.?\d)"), " minus "),
    (re.compile(r"(?<![\w/.])24/7(?![\w/])"), "twenty-four seven"),
    (re.compile(r"(?<![\w/.])(?:(\d{1,3})\s{1,3})?(\d{1,3})/(\d{1,3})(?![\w/])(?!\.\d)"), words.fraction),
    (re.compile(rf"(?:US|A|C)?(?P<sign>{_MONEY})\s?(?P<number>{_NUMBER})(?:\s?(?P<scale>{_SCALES})(?!\w))?"), _money),
    (re.compile(rf"{_START}(?P<number>{_NUMBER})(?:\s?(?P<scale>{_SCALES}))?\s?(?P<sign>{_CODES})(?!\w)"), _money),
    (re.compile(rf"{_START}({_NUMBER})\s?%"), r"\1 percent"),
    (re.compile(r"(?<![\w'.])(\d)'(\d{1,2})(?:\"|'')"), r"\1 foot \2"),
    (re.compile(r"(?<!\w)(\d{4})'?s(?!\w)"), words.decade),
    (re.compile(r"(?:(?<!\w)'|(?<=\b[Tt]he )|(?<=\b[Hh]is )|(?<=\b[Hh]er )|(?<=mid-))(\d0)'?s(?!\w)"), words.decade),
    (re.compile(rf"{_START}(?P<number>{_NUMBER})(?P<space>\s?)(?P<unit>{_UNITS})(?![\w/'])"), _unit),
    (re.compile(r"(?<!\w)'(\d{2})(?!\w)"), lambda match: words.number(match[1].lstrip("0") or "0")),
    (re.compile(r"(?<![\d.])(\d{1,3}(?:,\d{3}){1,5}|\d{1,15})(?:st|nd|rd|th)(?!\w)"), lambda m: words.ordinal(m[1])),
    (re.compile(r"(?<![\w.])v?\d{1,5}(?:\.\d{1,5}){2,6}(?![\w])"), words.version),
    (re.compile(r"(?<!\w)#(?=\d)"), "number "),
    (re.compile(r"(?<!\w)#(?=\w)"), "hashtag "),
    (re.compile(r"~(?=\s?\d)"), "about "),
    (re.compile(r"\b(?P<name>[A-Za-z]{1,20})\s(?P<roman>[IVXLC]{1,10})(?![\w'-]|\.[A-Z])"), _roman_after_name),
    (
        re.compile(r"\b((?:[Ii]n|[Ss]ince|[Yy]ear|[Uu]ntil|circa|[Bb]y|[Bb]efore|[Aa]fter) )(1[0-4]\d\d)(?![\w,.]*\d)"),
        lambda match: match[1] + words.year(match[2]),
    ),
    (re.compile(r"(?<![\w.,])(1[5-9]\d\d|20\d\d)(?!\w|[.,]\d)"), lambda match: words.year(match[1])),
    (re.compile(r"(?<=[A-Za-z])(\d)s(?!\w)"), lambda match: f" {words.number(match[1])}s"),
    (re.compile(r"\band/or\b"), "and or"),
    (re.compile(r"(?<=[A-Za-z])-?(?=\d)|(?<=\d)-?(?=[A-Za-z])"), " "),
    (re.compile(r"(?<![\d.,])0\d{1,15}(?![\d.,]*\d)"), lambda match: words.digits(match[0])),
    (re.compile(rf"(?<!\d)(?:{_NUMBER}|\.\d+)"), lambda match: f" {words.number(match[0])} "),
    (re.compile(r"\d+"), lambda match: f" {words.digits(match[0])} "),
    (re.compile(r"(?<!\.)\.{2,}(?=\s{0,3}[a-z])"), ", "),
    (re.compile(r"\b[A-Z]{2,}(?:[ ,;:'-]{1,3}[A-Z]+\b(?!['.][A-Za-z])){2,}"), _shouting),
    (re.compile(r"\b(?P<word>[A-Z]{2,})(?P<plural>s)?\b"), _capitals),
    (re.compile(r"\s{1,3}-{1,3}\s{1,3}|--+"), ", "),
    (re.compile(r"_"), " "),
]
