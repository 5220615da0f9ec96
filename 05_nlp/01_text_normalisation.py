"""What a voice reads is not what people write: numbers, money, dates, abbreviations and addresses become words.

What you will learn
    - how a number becomes words: three digits at a time, proved against the library num2words
    - why "1984" is two numbers in a year and one in a price, and "St." two words in one street
    - a normaliser as a list of rules in an order, and what happens when the order is wrong
    - to test one: a table of cases by kind, all of which have to pass
    - what Coqui's own cleaner and the capstone make of the same table
How to run it
    python 01_text_normalisation.py --quick     the table, 300 numbers against num2words, no network, about 10 s
    python 01_text_normalisation.py             20,000 numbers
    python 01_text_normalisation.py --say "Dr. Lee paid $3.50 on 3/4/2026."     your own sentence by all three
Time and memory on 2 CPU cores: quick 10 s, full 14 s; 0.6 GB.
Writes outputs/: normalisation.png, normalisation.csv
Concepts: NLP_CONCEPTS_EXPLAINED.md (text normalisation, numbers in words, rules in order)
"""

import re
from collections import Counter
from collections.abc import Callable

from matplotlib.figure import Figure
from nlp_utils import BLUE, GREY, ORANGE, folded, prepare, read_table, save_figure, shown, write_csv
from num2words import num2words

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--say", metavar="TEXT", help="show what each normaliser makes of this text, too")

# ----------------------------------------------------------------------------------------------------------------------
# numbers in words

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen").split()  # fmt: skip
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
THOUSANDS = ("", " thousand", " million", " billion", " trillion")
ODD_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
                "nine": "ninth", "twelve": "twelfth"}  # fmt: skip


def cardinal(n: int) -> str:
    """5,021 -> "five thousand twenty-one". Up to 999 trillion; below zero with "minus"."""
    if n < 0:
        return f"minus {cardinal(-n)}"
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f"-{ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" {cardinal(n % 100)}" if n % 100 else "")
    # concept: numbers in words
    parts, power = (
        [],
        0,
    )  # 5,021 is 21 of power 0 and 5 of power 1; each part is below 1,000, so nobody goes round for ever
    while n:
        n, rest = divmod(n, 1000)
        if rest:
            parts.insert(0, cardinal(rest) + THOUSANDS[power])
        power += 1
    return " ".join(parts)


def ordinal(n: int) -> str:
    """21 -> "twenty-first": only the last word changes."""
    head, last = re.fullmatch(r"(.*[ -])?(\w+)", cardinal(n)).groups()
    return (head or "") + ODD_ORDINALS.get(last, last[:-1] + "ieth" if last.endswith("y") else last + "th")


def year(n: int) -> str:
    """1984 -> "nineteen eighty-four", in two halves; the first years of a millennium are said whole."""
    century, rest = divmod(n, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(n)
    return cardinal(century) + (" hundred" if not rest else f" oh {ONES[rest]}" if rest < 10 else f" {cardinal(rest)}")


def digits(text: str) -> str:
    return " ".join(ONES[int(digit)] for digit in text if digit.isdigit())


def number(text: str) -> str:
    """ "1,234.50" -> the whole part as a cardinal, the decimals one by one; a leading 0 means digits: "007"."""
    whole, _, decimals = text.replace(",", "").partition(".")
    said = digits(whole) if len(whole) > 15 or (len(whole) > 1 and whole[0] == "0") else cardinal(int(whole or 0))
    said = said if whole else ""
    return f"{said} point {digits(decimals)}".strip() if decimals else said


def roman(letters: str) -> int:
    """ "XIV" -> 14: a smaller letter before a larger one counts against it."""
    values = [dict(I=1, V=5, X=10, L=50, C=100, D=500, M=1000)[letter] for letter in letters]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


# ----------------------------------------------------------------------------------------------------------------------
# words for what is not a number

TITLES = {"Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "Gen": "General",
          "Capt": "Captain", "Lt": "Lieutenant", "Rev": "Reverend", "Sgt": "Sergeant", "Col": "Colonel"}  # fmt: skip
SHORT = {"etc": "et cetera", "e.g": "for example", "i.e": "that is", "vs": "versus", "Jr": "Junior", "Sr": "Senior",
         "Inc": "Incorporated", "Ltd": "Limited", "Co": "Company", "Ave": "Avenue", "approx": "approximately",
         "dept": "department", "a.m": "AM", "p.m": "PM", "Ph.D": "PhD"}  # fmt: skip
BEFORE_NUMBER = {"No": "Number", "no": "number", "Fig": "Figure", "fig": "figure", "vol": "volume", "Vol": "Volume",
                 "p": "page", "pp": "pages", "Ch": "Chapter", "ch": "chapter", "Sec": "Section"}  # fmt: skip
MONTHS = ("January February March April May June July August September October November December").split()
MONTHS_SHORT = {month[:3]: month for month in MONTHS if month != "May"} | {"Sept": "September"}
CURRENCIES = {"$": ("dollar", "cent"), "\u00a3": ("pound", "penny"), "\u20ac": ("euro", "cent")}
SCALES = {"k": "thousand", "m": "million", "bn": "billion"}
UNITS = {"km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "kg": "kilogram", "g": "gram",
         "mg": "milligram", "lb": "pound", "oz": "ounce", "ml": "milliliter", "kHz": "kilohertz", "Hz": "hertz",
         "GB": "gigabyte", "MB": "megabyte", "ms": "millisecond", "s": "second", "min": "minute", "hrs": "hour",
         "h": "hour", "mph": "mile per hour", "km/h": "kilometer per hour", "ft": "foot", "dB": "decibel", "W": "watt",
         "\u00b0C": "degree Celsius", "\u00b0F": "degree Fahrenheit"}  # fmt: skip
KINGS = "Henry Louis Charles George Edward Elizabeth Pius James William Richard Napoleon".split()
NUMBERED = "Chapter Part War Act Volume Book Scene Section".split()
SIGNS = {"&": " and ", "%": " percent", "+": " plus ", "=": " equals ", "@": " at ", "#": " number ",
         "\u00d7": " times ", "\u00f7": " divided by ", "\u2014": ", ", "\u201c": '"', "\u201d": '"'}  # fmt: skip
IN_ADDRESSES = {".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "@": " at ", "?": " question mark ",
                "=": " equals "}  # fmt: skip


def plural(unit: str, amount: str) -> str:
    """ "mile per hour", "60" -> "miles per hour"; one is the only singular, 0.5 and 0 are not."""
    if amount == "1" or unit.endswith("hertz"):
        return unit
    noun, *rest = unit.split(" ", 1)
    return " ".join([{"foot": "feet", "penny": "pence"}.get(noun, noun + "s"), *rest])


def money(match: re.Match) -> str:
    main, small = CURRENCIES[match["sign"]]
    amount, scale = match["amount"], match["scale"]
    if scale:
        return f"{number(amount)} {SCALES.get(scale, scale)} {plural(main, '2')}"
    whole, _, cents = amount.replace(",", "").partition(".")
    parts = [f"{number(whole)} {plural(main, whole)}"] if int(whole) or not cents else []
    if int(cents or 0):
        parts.append(f"{cardinal(int(cents))} {plural(small, str(int(cents)))}")
    return " and ".join(parts)


def date(match: re.Match) -> str:
    month, day, when = (int(match[name]) for name in ("month", "day", "year"))
    month, day = (day, month) if month > 12 else (month, day)
    return f"{MONTHS[month - 1]} {ordinal(day)}, {year(when)}" if 1 <= month <= 12 and 1 <= day <= 31 else match[0]


def clock(match: re.Match) -> str:
    hour, minute, half = int(match["hour"]), match["minute"], (match["half"] or "").replace(".", "").upper()
    if hour > 23 or int(minute or 0) > 59:
        return match[0]
    if minute and int(minute):
        said = f"{cardinal(hour)} oh {ONES[int(minute)]}" if minute[0] == "0" else f"{cardinal(hour)} {number(minute)}"
    else:
        said = cardinal(hour) + ("" if half else " o'clock" if 0 < hour <= 12 else " hundred hours")
    return f"{said} {half}".strip()


def address(match: re.Match) -> str:
    bare = re.sub(r"^[a-z]+://", "", match[0])
    return "".join(IN_ADDRESSES.get(letter, letter) for letter in bare)


def fraction(match: re.Match) -> str:
    whole, top, bottom = match["whole"], int(match["top"]), int(match["bottom"])
    name = {2: "half", 4: "quarter"}.get(bottom) or ordinal(bottom)
    one = "a" if whole and top == 1 else cardinal(top)
    said = f"{one} {name if top == 1 else 'halves' if bottom == 2 else name + 's'}"
    return f"{number(whole)} and {said}" if whole else said


# ----------------------------------------------------------------------------------------------------------------------
# the rules, in their order

N = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"  # 3  1,234  2.5  .5
HALF = r"(?P<half>[ap]\.m\.|[ap]m\b)"
UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))


def words_of(table: dict[str, str], after: str = "") -> tuple[str, Callable[[re.Match], str]]:
    return rf"(?<![\w.])({'|'.join(map(re.escape, table))})\.{after}", lambda match: table[match[1]]


# What comes first eats what comes later: an address before its dots, a date before its numbers, money before its point.
RULES: list[tuple[str, Callable[[re.Match], str] | str]] = [  # concept: rules in order
    (r"\b(?:https?://)?[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|uk)\b(?:/[\w./?=-]*\w)?", address),
    (r"\b[\w.]+@[\w-]+(?: dot [\w-]+)+|\b[\w.]+@", address),  # what the rule above left of a mail address
    (r"\b([A-Z]\w+) St\.(?! [A-Z])", r"\1 Street"),
    (r"\bSt\.(?= [A-Z])", "Saint"),
    (rf"(?<![\d:])(?P<hour>\d{{1,2}})(?::(?P<minute>\d\d))?\s?{HALF}", clock),
    (r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>\d\d)(?![\d:])(?P<half>)", clock),
    words_of(TITLES, r"(?= (?:and )?[A-Z])"),
    words_of(BEFORE_NUMBER, r"(?=\s?\d)"),
    words_of(MONTHS_SHORT, r"(?= \d)"),
    words_of(SHORT),
    (r"\b(?:[A-Z]\.\s?){2,}(?=[A-Z][a-z])", lambda m: re.sub(r"[.\s]", "", m[0]) + " "),  # J. R. R. Tolkien
    (r"\b(?:[A-Z]\.){2,}", lambda m: m[0].replace(".", "")),  # U.S.
    (r"\b([A-Z])\.(?= [A-Z][a-z])", r"\1"),  # J. Smith
    (r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", date),
    (r"\b(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})\b", date),
    (rf"\b({'|'.join(MONTHS)}) (\d{{1,2}})(?:st|nd|rd|th)?(?:, (\d{{4}}))?\b",
     lambda m: f"{m[1]} {ordinal(int(m[2]))}" + (f", {year(int(m[3]))}" if m[3] else "")),
    (rf"\b(\d{{1,2}}) ({'|'.join(MONTHS)})(?: (\d{{4}}))?\b",
     lambda m: f"the {ordinal(int(m[1]))} of {m[2]}" + (f", {year(int(m[3]))}" if m[3] else "")),
    (r"(?<![\w/])(?:(?P<whole>\d+) )?(?P<top>\d{1,2})/(?P<bottom>[2-9]|1\d|20)(?![\w/])", fraction),
    (r"(?<=\d)-(?=[$\u00a3\u20ac]?\d)", " to "),
    (rf"(?P<sign>[$\u00a3\u20ac])(?P<amount>{N})(?: ?(?P<scale>million|billion|thousand|k|m|bn)\b)?", money),
    (r"\b(\d{3}0)s\b", lambda m: re.sub(r"y$", "ies", year(int(m[1])))),  # the 1990s
    (rf"(?<![\w.])(?P<amount>{N})\s?(?P<unit>{UNIT})(?![\w/])",
     lambda m: f"{number(m['amount'])} {plural(UNITS[m['unit']], m['amount'])}"),
    (r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1]))),
    (rf"\b({'|'.join(KINGS)}) ([IVX]+)\b", lambda m: f"{m[1]} the {ordinal(roman(m[2]))}"),
    (rf"\b({'|'.join(NUMBERED)}) ([IVXLC]+)\b", lambda m: f"{m[1]} {cardinal(roman(m[2]))}"),
    (r"\b([Ii]n|[Ss]ince|[Uu]ntil|[Bb]y) (1\d{3})\b(?![,.]\d)", lambda m: f"{m[1]} {year(int(m[2]))}"),
    (r"(?<![\w.,$])(1[5-9]\d\d|20\d\d)(?![\w%]|[.,]\d)", lambda m: year(int(m[1]))),  # alone, four digits are a year
    (rf"(?<![\w)])-(?={N})", "minus "),
    (N, lambda m: number(m[0])),
]  # fmt: skip
COMPILED = [(re.compile(pattern), replacement) for pattern, replacement in RULES]


def normalise(text: str, rules=COMPILED) -> str:
    """Return the text with everything that is not a word spelled out."""
    for pattern, replacement in rules:  # concept: text normalisation
        text = pattern.sub(replacement, text)
    for sign, words in SIGNS.items():
        text = text.replace(sign, words)
    return re.sub(r"\s+([,.;:!?])", r"\1", " ".join(text.split()))


# ----------------------------------------------------------------------------------------------------------------------
# three normalisers, one table


def coqui(text: str) -> str:
    from TTS.tts.utils.text.cleaners import english_cleaners

    return english_cleaners(text)


def capstone(text: str) -> str:
    from voice_pipeline.normalisation import normalise as theirs

    return theirs(text).text


NORMALISERS = {"from scratch": normalise, "Coqui": coqui, "the capstone": capstone}


def judge(table: list[list[str]]) -> dict[str, list[bool]]:
    """Return for each normaliser which rows it says as they should be heard."""
    return {name: [folded(say(row[1])) == folded(row[2]) for row in table] for name, say in NORMALISERS.items()}


def against_num2words(random, count: int) -> int:
    """Return how many of `count` numbers, ordinals and years sound different from the library's."""
    wrong = 0
    for exponent in random.uniform(0, 14.9, size=count):
        n = int(10**exponent)
        wrong += folded(cardinal(n)) != folded(num2words(n)) or folded(ordinal(n)) != folded(num2words(n, to="ordinal"))
    for n in random.integers(1010, 2100, size=min(count, 1090)):
        wrong += folded(year(int(n))) != folded(num2words(int(n), to="year"))
    return int(wrong)


def wrong_order(table: list[list[str]]) -> list[tuple[str, str]]:
    """Put the rule for plain numbers first, as a beginner would; return what becomes of rows that were right."""
    rules = [COMPILED[-1], *COMPILED[:-1]]
    tried = [(written, normalise(written, rules), spoken) for _, written, spoken, _ in table]
    return [(written, said) for written, said, spoken in tried if folded(said) != folded(spoken)]


def plot(table: list[list[str]], right: dict[str, list[bool]], path) -> None:
    kinds = list(dict.fromkeys(row[0] for row in table))
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    for place, (name, colour) in enumerate(zip(right, (BLUE, ORANGE, GREY), strict=True)):
        shares = []
        for kind in kinds:
            mine = [good for row, good in zip(table, right[name], strict=True) if row[0] == kind]
            shares.append(100 * sum(mine) / len(mine))
        axes.barh([n + 0.27 * (place - 1) for n in range(len(kinds))], shares, 0.25, color=colour, label=name)
    axes.set(yticks=range(len(kinds)), yticklabels=kinds, xlabel="said as it should be (% of the cases)", xlim=(0, 100))
    axes.invert_yaxis()
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.08), frameon=False)
    save_figure(figure, path)
    print("normalisation.png: cases said right, by kind; Coqui's cleaner knows ordinals, no units and no addresses")


def main(settings) -> dict:
    random = prepare(settings, "rules on text need no more")
    count = 300 if settings.quick else 20_000
    wrong = against_num2words(random, count)
    print(f"{count:,} numbers and ordinals and {min(count, 1090):,} years: {wrong} differ from num2words")
    table = read_table("normalisation")
    right = judge(table)
    print(f"\n{len(table)} cases of {len({row[0] for row in table})} kinds, said as they should be:")
    for name, good in right.items():
        missed = Counter(row[0] for row, fine in zip(table, good, strict=True) if not fine)
        print(
            f"   {name:<13} {sum(good):>4}  not: " + (", ".join(f"{k} {n}" for k, n in missed.most_common(6)) or "none")
        )
    print("\nFor example, Coqui's cleaner:")
    examples = {row[0]: row for row, fine in zip(table, right["Coqui"], strict=True) if not fine}
    for kind, written, *_ in list(examples.values())[:6]:
        print(f"   {kind:<13} {shown(written)}  ->  {shown(coqui(written))}")
    for row, fine in zip(table, right["the capstone"], strict=True):
        if not fine:
            print(f"   the capstone  {shown(row[1])}  ->  {shown(capstone(row[1]))}")
    marks = [row[3] == ("ok" if fine else "wrong") for row, fine in zip(table, right["Coqui"], strict=True)]
    spoilt = wrong_order(table)
    print(f"\nThe rule for plain numbers first instead of last: {len(spoilt)} cases go wrong, for example")
    for written, said in spoilt[:3]:
        print(f"   {shown(written)}  ->  {shown(said)}")
    write_csv(settings.out / "normalisation.csv",
              [["kind", "written", "spoken", *NORMALISERS],
               *([*row[:3], *(say(row[1]) for say in NORMALISERS.values())] for row in table)])  # fmt: skip
    plot(table, right, settings.out / "normalisation.png")
    if settings.say:
        for name, say in NORMALISERS.items():
            print(f"   {name:<13} {shown(say(settings.say))}")
    print("the capstone: the same idea with some 90 rules, any script of the world, and time that grows with the text")
    return {
        "differences_to_num2words": wrong, "cases": len(table), "from_scratch_right": sum(right["from scratch"]),
        "coqui_wrong": len(table) - sum(right["Coqui"]), "coqui_marks_right": float(all(marks)),
        "capstone_right": sum(right["the capstone"]), "spoilt_by_order": len(spoilt),
    }  # fmt: skip


EXPECTED = {
    "differences_to_num2words": Expected(quick=(0, 0), full=(0, 0)),
    "cases": Expected(quick=(136, 136), full=(136, 136)),
    "from_scratch_right": Expected(quick=(136, 136), full=(136, 136)),
    "coqui_wrong": Expected(quick=(80, 95), full=(80, 95)),
    "coqui_marks_right": Expected(quick=(1, 1), full=(1, 1)),
    "capstone_right": Expected(quick=(134, 136), full=(134, 136)),
    "spoilt_by_order": Expected(quick=(60, 75), full=(60, 75)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_spacy_pipeline.py")
