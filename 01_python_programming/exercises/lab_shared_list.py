"""Lab: two speakers, and one of them has the other's clips

Run your copy (`python my_answers/lab_shared_list.py`, in the folder of this module). Anna has recorded two clips and
Ben one, yet Ben's list shows three. A voice trained on it would be a mixture of both. Find the cause, put its letter
into DIAGNOSIS, and repair `clips_of` so that

    clips_of("anna", ["a1", "a2"])               returns ["anna/a1.wav", "anna/a2.wav"]
    clips_of("ben", ["b1"])                      returns ["ben/b1.wav"], and Anna's list stays as it was
    clips_of("anna", ["a3"], clips=old_list)     still adds to the list it is given, and returns that list

    A  The two speakers' names are compared by their first letter only.
    B  `append` changes a copy of the list, and the copies get mixed up.
    C  The default list is made once, when `def` is run, and all calls share it.
    D  The variable `clips` inside the function is global, because lists always are.

After: 02_functions_and_modules.py
Concepts: default arguments
Kind: lab
Time: 10 min
"""

DIAGNOSIS = "?"


def clips_of(speaker: str, names: list[str], clips: list[str] = []) -> list[str]:  # noqa: B006
    """Return the paths of a speaker's clips, added to `clips`."""
    for name in names:
        clips.append(f"{speaker}/{name}.wav")
    return clips


def main() -> None:
    anna = clips_of("anna", ["a1", "a2"])
    ben = clips_of("ben", ["b1"])
    print("Anna:", anna)
    print("Ben: ", ben)


if __name__ == "__main__":
    main()
