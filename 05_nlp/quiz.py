"""The quiz of module 05: at least one question for most sections of NLP_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 05`; `course quiz 05 --due` asks again what was missed.
"""

from coursekit.course.quiz import Choice, Number, Question


def textrank_of_two(weight: float) -> float:
    """Rank of one of two sentences that are alike: whatever the weight, both are the same."""
    del weight
    return 1 / 2


QUESTIONS = [
    Question(
        "years-and-prices",
        concept="text normalisation",
        text='How should "In 1984 he paid $1984." be read?',
        answer=[
            Choice(
                "In nineteen eighty-four he paid one thousand nine hundred eighty-four dollars.",
                "The words beside a number decide: in front of one stands In, of the other a dollar sign.",
                right=True,
            ),
            Choice("In nineteen eighty-four he paid nineteen eighty-four dollars.", "A sum is said as a cardinal."),
            Choice(
                "In one thousand nine hundred eighty-four he paid as many dollars.", "Years are said in two halves."
            ),
            Choice("One nine eight four, twice.", "Digit by digit are telephone numbers and room 007."),
        ],
    ),
    Question(
        "groups-of-three",
        concept="numbers in words",
        text="Into how many groups of up to three digits does the number 1,234,567,890 fall when it is put into words?",
        answer=Number(
            lambda: len(f"{1234567890:,}".split(",")),
            "1 | 234 | 567 | 890: one billion, 234 million, 567 thousand, 890.",
            wrong={
                "10": "Those are its digits; they are read three at a time.",
                "3": "The 1 in front is a group, too.",
            },
        ),
    ),
    Question(
        "order-of-rules",
        concept="rules in order",
        text="Rules: (1) digits become words, (2) $ and a number become dollars. What happens to $5 in this order?",
        answer=[
            Choice(
                "$five: rule 2 finds no number any more.", "The first rule has eaten what the second needs.", right=True
            ),
            Choice("five dollars.", "Rule 2 looks for digits, and there are none left."),
            Choice("dollars five.", "No rule writes it like that."),
            Choice("The order does not matter.", "Each rule sees what the one before it has left."),
        ],
    ),
    Question(
        "tokens-of-a-contraction",
        concept="tokens",
        text='Into how many tokens does spaCy cut "I don\'t."?',
        answer=Number(
            lambda: len(spacy_tokens("I don't.")),
            "I | do | n't | . : the contraction is two words, and the dot stands for itself.",
            wrong={"2": "That is what lies between spaces.", "3": "do and n't are two."},
        ),
    ),
    Question(
        "number-abbreviation",
        concept="sentence boundaries",
        text='Why is "No." harder than "Dr."?',
        answer=[
            Choice(
                '"No." is a whole sentence as well; only what follows tells.',
                "A digit behind it: number. Else: the answer.",
                right=True,
            ),
            Choice("It is shorter.", "Both have two letters."),
            Choice("It is not in the lexicon.", "It is; that does not help here."),
            Choice("It has a capital.", "So has the other."),
        ],
    ),
    Question(
        "what-blank-knows",
        concept="pipelines",
        text="What can spacy.blank('en') do before anything is added to it?",
        answer=[
            Choice(
                "Cut a text into tokens.",
                "The rules of tokens belong to the language, not to a trained component.",
                right=True,
            ),
            Choice("Find names.", "Names need an entity ruler or a trained component."),
            Choice("Tell verbs from nouns.", "Parts of speech need a tagger."),
            Choice("Nothing at all.", "It has a tokenizer, and knows stop words and what looks like a number."),
        ],
    ),
    Question(
        "rules-and-new-names",
        concept="named entities",
        text="An entity ruler knows Alice and the Hatter. What becomes of Ishmael?",
        answer=[
            Choice(
                "He is missed: recall falls, precision does not.",
                "Nothing wrong was found; something right was not.",
                right=True,
            ),
            Choice(
                "He is found by his capital.",
                "Only a rule that says so would do that, and it would find every first word.",
            ),
            Choice("Precision falls.", "Precision only looks at what was found."),
            Choice("He is taken for Alice.", "A pattern fits or does not."),
        ],
    ),
    Question(
        "mean-recall",
        concept="text classification",
        text="Of 100 lines 80 are statements, 10 questions, 10 exclamations. One says always statement. Mean recall?",
        answer=Number(
            lambda: (1 + 0 + 0) / 3,
            "1 for statements, 0 for the others: a third, however many statements there are.",
            wrong={"0.8": "That is the accuracy, which flatters it.", "0": "All statements are found."},
            tolerance=0.01,
        ),
    ),
    Question(
        "leaky-mark",
        concept="text classification",
        text="A classifier of questions is always right in the test; the lines end with their marks. What was learned?",
        answer=[
            Choice(
                "To look for a question mark.",
                "The answer stood in the input; without it, nothing is known.",
                right=True,
            ),
            Choice("What a question is.", "It never had to find out."),
            Choice("The test by heart.", "It never saw the test; it did not need to."),
            Choice("Nothing, 100 % is chance.", "Chance would be about the share of the commonest kind."),
        ],
    ),
    Question(
        "longest-piece",
        concept="chunking",
        text="A sentence has 600 characters, the limit is 250. What is the least number of pieces?",
        answer=Number(
            lambda: -(-600 // 250),
            "600 / 250 = 2.4, and pieces are whole: 3.",
            wrong={"2": "Two hold 500 characters.", "2.4": "There are no parts of pieces."},
        ),
    ),
    Question(
        "no-cut-here",
        concept="chunking",
        text="Where should one not cut, even if the piece grows too long otherwise?",
        answer=[
            Choice(
                "Between Queen and of Hearts.",
                "A name or a number that is cut gets the melody of two things.",
                right=True,
            ),
            Choice("Behind a comma.", "That is the best place inside of a sentence."),
            Choice("Between two paragraphs.", "That is the best place of all."),
            Choice("Behind a semicolon.", "A clause ends there."),
        ],
    ),
    Question(
        "sum-of-pauses",
        concept="pauses",
        text="Three sentences, and after the third the paragraph ends. Pauses: 0.35 s after a sentence, 0.75 s after a "
        "paragraph. How many seconds of pause in all?",
        answer=Number(
            lambda: 2 * 0.35 + 0.75,
            "Behind the third comes the paragraph's pause instead of the sentence's: 0.35 + 0.35 + 0.75 = 1.45.",
            wrong={
                "1.8": "The paragraph's pause replaces the sentence's.",
                "1.05": "The paragraph's pause is missing.",
            },
            unit="s",
        ),
    ),
    Question(
        "open-again",
        concept="quotations",
        text="A paragraph begins with a mark, has no other, and the next one begins with a mark, too. Why?",
        answer=[
            Choice(
                "One speech goes on over both.",
                "It is opened at each paragraph and closed at its end only.",
                right=True,
            ),
            Choice("The printer forgot one.", "It happens; but this is the rule for long speeches."),
            Choice("Two people speak.", "Then the first would be closed."),
            Choice("Nobody speaks.", "A mark at the start always opens a speech."),
        ],
    ),
    Question(
        "surest-rule",
        concept="speaker attribution",
        text="Which rule should be asked first?",
        answer=[
            Choice(
                '"said the Hatter" beside the quotation.',
                "It was right in every case of the tea party, and names two thirds.",
                right=True,
            ),
            Choice("People speak in turn.", "The last resort: a slip moves all that follow."),
            Choice('"he said".', "It says a kind, not a person, where two are he."),
            Choice("The nearest name.", "It may be the one who is spoken to."),
        ],
    ),
    Question(
        "precision-of-some",
        concept="precision and recall",
        text="Of 150 quotations a rule names the speaker of 99, and 97 of them right. Precision?",
        answer=Number(
            lambda: 97 / 99,
            "97 of the 99 that were named: 0.98.",
            wrong={"0.65": "That is the recall: right ones over all.", "0.66": "That is how many were named at all."},
            tolerance=0.005,
        ),
    ),
    Question(
        "f1-of-one",
        concept="precision and recall",
        text="Precision 1.0, recall 0.5. What is F1? (two decimals)",
        answer=Number(
            lambda: 2 * 1.0 * 0.5 / 1.5,
            "2 * 1 * 0.5 / (1 + 0.5) = 0.67.",
            wrong={
                "0.75": "That is the plain mean; the harmonic one stays nearer to the lower value.",
                "0.5": "That is the product.",
            },
            tolerance=0.005,
        ),
    ),
    Question(
        "rank-of-two",
        concept="extractive summaries",
        text="A text has two sentences that share words. What is the TextRank of each?",
        answer=Number(
            lambda: textrank_of_two(0.4),
            "The walk goes to and fro between them: half of the time at each.",
            wrong={"1": "The ranks of all sentences add up to 1.", "0.85": "That is the damping."},
        ),
    ),
    Question(
        "rouge-of-a-pair",
        concept="rouge",
        text='Title: "The Fox and the Crow". Written: "The Crow and the Fox". ROUGE-1 minus ROUGE-2 (F1)?',
        answer=Number(
            lambda: (
                rouge_n("the crow and the fox", "the fox and the crow", 1)
                - rouge_n("the crow and the fox", "the fox and the crow", 2)
            ),
            "All five words are there: ROUGE-1 is 1. The pairs are the-fox fox-and and-the the-crow against the-crow "
            "crow-and and-the the-fox: three of four are shared, 0.75. The difference is 0.25.",
            wrong={"0": "ROUGE-2 sees the order.", "0.75": "That is ROUGE-2 itself."},
            tolerance=0.005,
        ),
    ),
    Question(
        "blind-rouge",
        concept="rouge",
        text='Reference: "The fox ate the crow." Summary: "The crow ate the fox." What does ROUGE-1 say?',
        answer=[
            Choice("1.0, the best there is.", "It counts words; who did what to whom it cannot see.", right=True),
            Choice("0.0.", "Every word is there."),
            Choice("0.5.", "Nothing is missing, so nothing is taken off."),
            Choice("It refuses.", "It counts whatever it is given."),
        ],
    ),
    Question(
        "what-was-learned",
        concept="sequence to sequence",
        text="The small BART gets a page of a newspaper. What does it write?",
        answer=[
            Choice(
                '"The X and the Y", with two of the names it knows.',
                "It has seen nothing but titles of fables.",
                right=True,
            ),
            Choice("A short summary.", "It never learned to write a sentence."),
            Choice("The first sentence.", "It cannot copy what is not in its vocabulary."),
            Choice("Nothing.", "A model always writes something; that is the danger."),
        ],
    ),
    Question(
        "pairs-of-parts",
        concept="augmenting text",
        text="With 100 names for the two parts of a fable, the order counting, how many fables does one story become?",
        answer=Number(
            lambda: 100 * 99,
            "100 for the first part, 99 for the second: 9,900.",
            wrong={
                "10000": "Nobody plays both parts.",
                "4950": "The order counts: the fox eats the crow, or the other way round.",
            },
        ),
    ),
    Question(
        "which-read",
        concept="homographs",
        text='"She has read it." Which word decides?',
        answer=[
            Choice("has", "After have and be stands the participle: red.", right=True),
            Choice("She", "She reads, she read: the pronoun alone decides nothing."),
            Choice("it", "It follows both."),
            Choice("None; both are right.", "Only one is English."),
        ],
    ),
    Question(
        "when-tags-fail",
        concept="parts of speech",
        text="Which pair does a part of speech NOT tell apart?",
        answer=[
            Choice("a row of lamps, a terrible row", "Both are nouns; only the meaning differs.", right=True),
            Choice("I object, the object", "Verb and noun."),
            Choice("close the door, close to it", "Verb and adverb."),
            Choice("to use it, of no use", "Verb and noun."),
        ],
    ),
    Question(
        "default-stress",
        concept="emphasis",
        text="Where does a plain English sentence carry its strongest stress?",
        answer=[
            Choice(
                "On its last content word.", "That is the default; italics are for what departs from it.", right=True
            ),
            Choice("On its first word.", "Only where it contrasts with something."),
            Choice("On every noun.", "Then none of them would stand out."),
            Choice("On small words.", "Those get it only by italics."),
        ],
    ),
]


def spacy_tokens(text: str) -> list[str]:
    """Return spaCy's tokens; spaCy takes a second to import, so only when asked."""
    import spacy

    return [token.text for token in spacy.blank("en")(text)]


def rouge_n(summary: str, reference: str, n: int) -> float:
    """F1 of the groups of n words."""
    from collections import Counter

    one, other = (Counter(zip(*(text.split()[k:] for k in range(n)), strict=False)) for text in (summary, reference))
    return 2 * (one & other).total() / (one.total() + other.total())
