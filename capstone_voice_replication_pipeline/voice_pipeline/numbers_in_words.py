"""Numbers, dates and amounts in words: a thin layer over inflect and num2words."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from num2words import num2words

from voice_pipeline import english

if TYPE_CHECKING:
    import inflect

_LARGEST_DENOMINATOR = 20


@functools.lru_cache(maxsize=4096)
def number(written: str) -> str:
    """Cardinal of an integer or a decimal fraction: "1,234.50" is "one thousand two hundred ... point five zero"."""
    plain = written.replace(",", "")
    whole, point, fraction = plain.partition(".")
    if len(whole) > 15:
        spoken = digits(whole)
    else:
        spoken = _cardinal(int(whole)) if whole else ""
    return f"{spoken} point {digits(fraction)}".strip() if point and fraction else spoken


@functools.cache
def _inflect() -> inflect.engine:
    import inflect  # takes a second

    return inflect.engine()


def _cardinal(value: int) -> str:
    return str(_inflect().number_to_words(str(value), andword="", comma="")).replace(",", "")


def digits(written: str) -> str:
    """Digit by digit: "007" is "zero zero seven"."""
    return " ".join(_DIGITS[int(digit)] for digit in written if digit.isdigit())


_DIGITS = [str(num2words(value)) for value in range(10)]


@functools.lru_cache(maxsize=1024)
def ordinal(written: str) -> str:
    """Ordinal of an integer: "21" is "twenty-first"."""
    spoken = str(num2words(int(written.replace(",", "")), to="ordinal"))
    return spoken.replace(",", "").replace(" and ", " ")


@functools.lru_cache(maxsize=1024)
def year(written: str) -> str:
    """A year as people say it: "1905" is "nineteen oh-five"; "2005" "two thousand five"."""
    spoken = str(num2words(int(written), to="year"))
    return spoken.replace(" and ", " ").replace("oh-", "oh ")


def amount(unit: str, written: str) -> str:
    """The unit in the number that goes with `written`: "kilometer per hour", "2" gives "kilometers per hour"."""
    if written == "1":
        return unit
    noun, separator, rest = unit.partition(" per ")
    if noun in english.SAME_PLURAL:
        return unit
    if noun.startswith("degree "):
        return noun.replace("degree", "degrees") + separator + rest
    return str(_inflect().plural_noun(noun)) + separator + rest


def money(written: str, currency: tuple[str, str], scale: str | None = None) -> str:
    """An amount of money: "1,234.50" is "one thousand two hundred thirty-four dollars and fifty cents"."""
    main, small = currency
    whole, _, fraction = written.replace(",", "").partition(".")
    if scale or len(fraction) != 2 or not small:
        unit = amount(main, "2" if scale or fraction else whole)
        return " ".join(part for part in (number(written), scale, unit) if part)
    parts = []
    if int(whole) or not int(fraction):
        parts.append(f"{number(whole)} {amount(main, whole)}")
    if int(fraction):
        unit = "pence" if small == "penny" and int(fraction) > 1 else amount(small, str(int(fraction)))
        parts.append(f"{number(str(int(fraction)))} {unit}")
    return " and ".join(parts)


def date(written_year: str, month: str, day: str) -> str | None:
    """A numeric date, month first unless that cannot be; None when it is no date."""
    first, second = int(month), int(day)
    if first > 12:
        first, second = second, first
    if not (1 <= first <= 12 and 1 <= second <= 31):
        return None
    if len(written_year) == 2:
        written_year = f"{'20' if int(written_year) < 70 else '19'}{written_year}"
    return f"{english.MONTHS[first - 1]} {ordinal(str(second))}, {year(written_year)}"


def time_of_day(hour: str, minute: str, second: str | None, half: str) -> str | None:
    """A clock time; None when it is none. `half` is "AM", "PM" or empty."""
    if int(hour) > 24 or int(minute) > 59 or int(second or 0) > 59:
        return None
    spoken = number(str(int(hour)))
    if int(minute):
        spoken += f" oh {number(minute[1])}" if minute[0] == "0" else f" {number(minute)}"
    elif not half:
        spoken += " o'clock" if 0 < int(hour) <= 12 else " hundred hours"
    if second and int(second):
        spoken += f" and {number(str(int(second)))} {amount('second', str(int(second)))}"
    return f"{spoken} {half}".strip()


def telephone(match: re.Match[str]) -> str:
    """Groups of digits, a short pause between them; a leading + is said."""
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))


def fraction(match: re.Match[str]) -> str:
    """ "1/2" is "one half", "2 3/4" is "two and three quarters"; an unusual one is read with "over"."""
    whole, top, bottom = match[1], int(match[2]), int(match[3])
    names = {2: "half", 4: "quarter"}
    if 2 <= bottom <= _LARGEST_DENOMINATOR and top < bottom:
        name = names.get(bottom) or ordinal(str(bottom))
        plural = "halves" if name == "half" else f"{name}s"
        spoken = f"{number(str(top))} {name if top == 1 else plural}"
        if whole and top == 1:
            spoken = f"a {name}"
    else:
        spoken = f"{number(str(top))} over {number(str(bottom))}"
    return f"{number(whole)} and {spoken}" if whole else spoken


def decade(match: re.Match[str]) -> str:
    """ "1990s" is "nineteen nineties", "'80s" is "eighties"."""
    spoken = year(match[1]) if len(match[1]) == 4 else number(str(int(match[1])))
    head, _, last = spoken.rpartition(" ")
    return f"{head} {_inflect().plural_noun(last)}".strip()


def version(match: re.Match[str]) -> str:
    """ "3.11.2" is "three point eleven point two"."""
    prefix = "version " if match[0].startswith("v") else ""
    return prefix + " point ".join(number(str(int(part))) for part in match[0].lstrip("v").split("."))


def roman(numeral: str) -> int | None:
    """Value of a Roman numeral written the usual way; None for other letters."""
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
    total = 0
    for index, letter in enumerate(numeral):
        following = values.get(numeral[index + 1]) if index + 1 < len(numeral) else None
        total += -values[letter] if following and following > values[letter] else values[letter]
    return total if _to_roman(total) == numeral else None


def _to_roman(value: int) -> str:
    steps = ((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
    written = ""
    for step, letters in steps:
        written += letters * (value // step)
        value %= step
    return written
