"""Lab: from one page on, the narrator speaks the dialogue

Run your copy (`python my_answers/lab_flipped_voices.py`, in the folder of this module). A story is read by two voices.
It begins well; from the fourth paragraph on the narrator says what the people say, and the people narrate. Find the
cause, put its letter into DIAGNOSIS, and repair `voices` so that every part of every paragraph has the right voice.
Where a speech goes on in a new paragraph, books put a mark at the beginning of the new one, and none at the end of the
old one. Parts without letters or digits are not spoken, and spaces around a part do not matter.

    A  The apostrophe in "don't" is taken for a mark.
    B  The marks of the whole story are counted in one row, so that one speech without a closing mark flips the rest.
    C  The people in the story speak in turn, and two follow each other.
    D  The paragraphs are in the wrong order.

After: 04_dialogue.py
Concepts: quotations
Kind: lab
Time: 20 min
"""

DIAGNOSIS = "?"
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
