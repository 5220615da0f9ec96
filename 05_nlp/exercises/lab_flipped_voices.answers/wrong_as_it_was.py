"""Misconception: one speech that is not closed flips all that follows"""

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
    found, speaking = [], False
    for paragraph in story:
        parts = []
        for place, part in enumerate(paragraph.split('"')):
            if place:
                speaking = not speaking
            if any(letter.isalnum() for letter in part):
                parts.append(("speaker" if speaking else "narrator", part.strip()))
        found.append(parts)
    return found


if __name__ == "__main__":
    for number, parts in enumerate(voices(STORY), 1):
        for voice, words in parts:
            print(f"{number}  {voice:<9} {words}")
