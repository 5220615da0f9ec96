"""Tables of written English: what an abbreviation, a unit or a sign is called when it is read aloud."""

from __future__ import annotations

TITLES = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "Rev": "Reverend",
    "Gen": "General", "Col": "Colonel", "Maj": "Major", "Capt": "Captain", "Cmdr": "Commander", "Lt": "Lieutenant",
    "Sgt": "Sergeant", "Cpl": "Corporal", "Adm": "Admiral", "Gov": "Governor", "Sen": "Senator", "Hon": "Honorable",
    "Pres": "President", "Supt": "Superintendent", "Fr": "Father", "Mt": "Mount", "Ft": "Fort", "Messrs": "Messieurs",
}  # fmt: skip
"""Abbreviations that stand before a name, so that their dot never ends a sentence."""

BEFORE_NUMBERS = {
    "No": "Number", "no": "number", "Nos": "Numbers", "nos": "numbers", "Nr": "Number", "Vol": "Volume",
    "vol": "volume", "Ch": "Chapter", "ch": "chapter", "Chap": "Chapter", "chap": "chapter", "Fig": "Figure",
    "fig": "figure", "Figs": "Figures", "figs": "figures", "Sec": "Section", "sec": "section", "Eq": "Equation",
    "eq": "equation", "Art": "Article", "art": "article", "Pt": "Part", "pt": "part", "p": "page", "P": "Page",
    "pp": "pages", "Tab": "Table", "tab": "table", "Ex": "Example", "ex": "example", "Apt": "Apartment",
    "apt": "apartment", "Rm": "Room", "rm": "room", "ext": "extension", "Ext": "Extension", "ca": "circa",
    "c": "circa", "l": "line", "Op": "Opus", "op": "opus",
    "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "Jun": "June", "Jul": "July",
    "Aug": "August", "Sep": "September", "Sept": "September", "Oct": "October", "Nov": "November", "Dec": "December",
}  # fmt: skip
"""Abbreviations only when a number follows: "No." may also be the answer to a question."""

PHRASES = {
    "e.g": "for example", "E.g": "For example", "i.e": "that is", "I.e": "That is", "cf": "compare",
    "vs": "versus", "v": "versus", "approx": "approximately", "Approx": "Approximately", "dept": "department",
    "Dept": "Department", "govt": "government", "Govt": "Government", "misc": "miscellaneous", "est": "established",
    "Est": "Established", "tel": "telephone", "Tel": "Telephone", "min": "minimum", "max": "maximum",
    "incl": "including", "excl": "excluding", "viz": "namely", "resp": "respectively", "dr": "doctor",
    "mr": "mister", "mrs": "missus", "prof": "professor", "Assn": "Association", "Univ": "University",
    "w.r.t": "with respect to", "a.k.a": "also known as", "Bros": "Brothers", "feat": "featuring",
}  # fmt: skip
"""Abbreviations inside a sentence."""

MAY_END = {
    "etc": "et cetera", "et al": "et al", "Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation",
    "Co": "Company", "Jr": "Junior", "Sr": "Senior", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road",
    "Esq": "Esquire", "Ph.D": "PhD", "M.D": "MD", "B.C": "BC", "A.D": "AD", "a.m": "AM", "p.m": "PM",
    "A.M": "AM", "P.M": "PM", "Bldg": "Building", "Hwy": "Highway", "ibid": "ibidem",
}  # fmt: skip
"""Abbreviations whose dot may at the same time end the sentence."""

SENTENCE_STARTERS = (
    "A After All Also An And Another Are As At Because Before But By Can Did Do Each Even Every For From Had Has Have "
    "He Her Here His How However I If In Is It Its Let Many More Most My Neither Next No Nobody Not Nothing Now Of On "
    "Once One Only Or Other Our Perhaps She Since So Some Soon Still Such That The Their Then There These They This "
    "Those Though Through To Today Two Under Until Was We Well Were What When Where Which While Who Why Will With "
    "Would Yes Yet You Your"
).split()
"""Words that, with a capital, show that a new sentence began."""

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

CURRENCIES = {
    "$": ("dollar", "cent"), "\u20ac": ("euro", "cent"), "\u00a3": ("pound", "penny"), "\u00a5": ("yen", ""),
    "\u20b9": ("rupee", "paisa"), "USD": ("dollar", "cent"), "EUR": ("euro", "cent"), "GBP": ("pound", "penny"),
    "JPY": ("yen", ""), "CHF": ("Swiss franc", "centime"), "CAD": ("Canadian dollar", "cent"),
    "AUD": ("Australian dollar", "cent"), "INR": ("rupee", "paisa"), "CNY": ("yuan", ""),
}  # fmt: skip
"""Main and small unit of a currency, singular."""

SAME_PLURAL = {"yen", "yuan", "hertz", "kilohertz", "megahertz", "gigahertz", "percent", "degrees Celsius"}
SCALES = {
    "hundred": "hundred", "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "bn": "billion",
    "B": "billion", "b": "billion", "tn": "trillion", "T": "trillion",
}  # fmt: skip

UNITS = {
    "mm": "millimeter", "cm": "centimeter", "m": "meter", "km": "kilometer", "in": "inch", "ft": "foot", "yd": "yard",
    "mi": "mile", "mg": "milligram", "g": "gram", "kg": "kilogram", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "ml": "milliliter", "mL": "milliliter", "cl": "centiliter", "l": "liter", "L": "liter", "ms": "millisecond",
    "s": "second", "sec": "second", "secs": "second", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour",
    "hrs": "hour", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "B": "byte",
    "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "MiB": "mebibyte",
    "GiB": "gibibyte", "W": "watt", "kW": "kilowatt", "MW": "megawatt", "kWh": "kilowatt hour", "V": "volt",
    "mV": "millivolt", "A": "ampere", "mA": "milliampere", "dB": "decibel", "J": "joule", "kJ": "kilojoule",
    "N": "newton", "Pa": "pascal", "kPa": "kilopascal", "kcal": "kilocalorie", "cal": "calorie", "K": "kelvin",
    "\u00b0C": "degree Celsius", "\u00b0F": "degree Fahrenheit", "\u00b0": "degree", "\u03a9": "ohm",
    "\u00b5m": "micrometer", "\u00b5s": "microsecond", "\u00b5g": "microgram", "km/h": "kilometer per hour",
    "kph": "kilometer per hour", "mph": "mile per hour", "m/s": "meter per second", "kbit/s": "kilobit per second",
    "Mbit/s": "megabit per second", "Mbps": "megabit per second", "Gbps": "gigabit per second", "MB/s":
    "megabyte per second", "rpm": "revolution per minute", "bpm": "beat per minute", "fps": "frame per second",
    "m2": "square meter", "km2": "square kilometer", "cm2": "square centimeter", "m3": "cubic meter",
    "cm3": "cubic centimeter", "ft2": "square foot", "ha": "hectare", "dpi": "dot per inch", "px": "pixel",
}  # fmt: skip
"""Singular names; the letter case matters. Only read after a number."""

NOT_AFTER_A_SPACE = {"in", "A", "K", "B", "s", "l"}
"""Units that are words or letters of their own when a space stands before them: "5 in the morning"."""

REGNAL_NAMES = set(
    "Albert Alexander Alfonso Benedict Boniface Carlos Catherine Charles Christian Clement Constantine David Edward "
    "Elizabeth Felipe Ferdinand Francis Frederick George Gregory Gustav Henry Innocent Ivan James John Juan Karl Leo "
    "Leopold Louis Ludwig Mary Maximilian Napoleon Nicholas Olaf Otto Paul Pedro Peter Philip Pius Ptolemy Ramses "
    "Richard Robert Rudolf Stephen Tutankhamun Urban Victor Wilhelm William Xerxes".split()
)
NUMBERED_THINGS = set(
    "act appendix article book canto chapter class figure grade level number page part phase psalm scene section stage "
    "table title type volume war".split()
)

SPOKEN_AS_WORDS = {
    "AIDS", "ASAP", "ASCII", "COVID", "FEMA", "FIFA", "GIF", "HIV", "JPEG", "LAN", "LASER", "NASA", "NATO", "NAFTA",
    "OPEC", "PIN", "RADAR", "RAM", "ROM", "SAT", "SIM", "SONAR", "SWAT", "UNESCO", "UNICEF", "VIP", "WAN", "YOLO",
} - {"HIV", "VIP", "SAT"}  # fmt: skip
SPELLED = {"ACLU", "AOL", "ECHR", "HTML", "IEEE", "ISBN", "NAACP", "NCAA", "UCLA", "USDA", "YMCA", "ESPN", "IEC"}
SPELLED_STOP_WORDS = {"US", "IT"}
"""All-capital words that are also ordinary words, but in capitals mean the initials."""

ELISIONS = ("tis", "twas", "em", "cause", "til", "bout", "n")

CHARACTERS = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "\u02bc": "'", "`": "'", "\u00b4": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u00ab": '"', "\u00bb": '"', "\u2033": '"',
    "\u2039": '"', "\u203a": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2212": "-", "\u00ad": "",
    "\u2013": "-", "\u2014": " - ", "\u2015": " - ", "\u2026": "...", "\u2022": ", ", "\u00b7": " ", "\u3002": ". ",
    "\u3001": ", ", "\uff0c": ", ", "\uff1f": "? ", "\uff01": "! ", "\uff1b": "; ", "\uff1a": ": ", "\u061f": "? ",
    "\u060c": ", ", "\u061b": "; ", "\u0964": ". ", "\u00bf": " ", "\u00a1": " ", "\u2044": "/", "\u2215": "/",
    "\u00d7": " times ", "\u00f7": " divided by ", "\u00b1": " plus or minus ", "\u2248": " about ",
    "\u2260": " is not equal to ", "\u2264": " is at most ", "\u2265": " is at least ", "\u2192": " to ",
    "\u2190": " from ", "\u221e": " infinity ", "\u221a": " square root of ", "\u2030": " per mille ",
    "\u00a9": " copyright ", "\u00ae": " ", "\u2122": " ", "\u2116": "No. ", "\u00a7": " section ", "\u00b6": " ",
    "\u00a2": " cents ", "\u2020": " ", "\u2021": " ", "\u03bc": "\u00b5", "\u2126": "\u03a9", "\u00b2": "2",
    "\u00b3": "3", "\u00aa": "a", "\u00ba": "o", "\u2009": " ", "\u00a0": " ", "\u202f": " ", "\u3000": " ",
}  # fmt: skip
"""Signs outside ASCII with a spoken or plain form of their own; letters are transliterated by anyascii."""

SIGNS = {
    "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "%": " percent ", "<": " less than ",
    ">": " greater than ", "/": " slash ", "|": ", ", "(": ", ", ")": ", ", "[": ", ", "]": ", ", "{": ", ",
    "}": ", ",
}  # fmt: skip
"""ASCII signs that are left when everything else has been read; signs not named here are silent."""

URL_SIGNS = {
    ".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "?": " question mark ", "=": " equals ",
    "&": " and ", "#": " hash ", "@": " at ", ":": " colon ", "%": " percent ", "~": " tilde ", "+": " plus ",
}  # fmt: skip
