"""Lab: from one page on, the narrator speaks the dialogue. Solved."""

DIAGNOSIS = "B"
STORY = [
    'It was late. "Is he here?" she asked.',
    '"He is not," said the porter. "He left at noon."',
    '"I will tell you what I know. He came with a bag and a dog.',
    '"The bag was heavy, and I don\'t know what was in it," he went on.',
    'She looked at the clock. "Then we wait," she said.',
    "Nobody came.",
    '"Look!" cried the porter.',
]


def voices(story: list[str]) -> list[list[tuple[str, str]]]:
    """Return for each paragraph its parts: ("narrator" or "speaker", words)."""
    kinds_in_turn = ("narrator", "speaker")
    return [
        [
            (kinds_in_turn[place % 2], part.strip())
            for place, part in enumerate(paragraph.split(chr(34)))
            if any(map(str.isalnum, part))
        ]
        for paragraph in story
    ]


if __name__ == "__main__":
    for number, parts in enumerate(voices(STORY), 1):
        for voice, words in parts:
            print(f"{number}  {voice:<9} {words}")
