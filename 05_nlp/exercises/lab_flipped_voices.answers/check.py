"""Checks voices() on the story, on other stories with speeches that go on, and the letter."""

from coursekit.course import Wrong

N, S = "narrator", "speaker"
STORIES = (
    (['"One,', '"two,', '"three," she said.', "Four."],
     [[(S, "One,")], [(S, "two,")], [(S, "three,"), (N, "she said.")], [(N, "Four.")]],
     "a speech of three paragraphs has one closing mark"),
    (['He said, "Go.', '"Go now."', '"No," I said.'],
     [[(N, "He said,"), (S, "Go.")], [(S, "Go now.")], [(S, "No,"), (N, "I said.")]],
     "the mark at the start of a paragraph opens, whatever came before"),
    (['"A," b. "C"', "", '  "D"'], [[(S, "A,"), (N, "b."), (S, "C")], [], [(S, "D")]], "an empty one has no parts"),
    (["All quiet."], [[(N, "All quiet.")]], "what stands before the first mark is told"),
)  # fmt: skip


def check(answer) -> None:
    story = answer.STORY
    wanted = [
        [
            (S if place % 2 else N, part.strip())
            for place, part in enumerate(text.split('"'))
            if any(map(str.isalnum, part))
        ]
        for text in story
    ]
    found = [[tuple(part) for part in parts] for parts in answer.voices(list(story))]
    if len(found) != len(story):
        raise Wrong(f"{len(story)} paragraphs gave {len(found)} lists: one list for each paragraph, in order.")
    for number, (one, other) in enumerate(zip(found, wanted, strict=True), 1):
        if one != other and [words for _, words in one] != [words for _, words in other]:
            raise Wrong(
                f"Paragraph {number} is {one}, expected {other}: no word may be lost, the marks are not spoken."
            )
        if one != other:
            raise Wrong(
                f"Paragraph {number} is {one}, expected {other}: one speech that is not closed flips all that follows."
            )
    for text, parts, why in STORIES:
        found = [[tuple(part) for part in part_list] for part_list in answer.voices(list(text))]
        if found != parts:
            raise Wrong(f"{text} gives {found}, expected {parts}: {why}.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The program is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "the program splits at double marks only; print the parts of paragraph 4",
        "C": "nothing in the program knows how many people there are",
        "D": "the words come out in the order in which they stand",
    }
    if letter != "B":
        raise Wrong(f"The program is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
