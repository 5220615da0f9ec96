"""The quiz of module 11: one question at least for each section of CLOUD_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 11`; `course quiz 11 --due` asks again what was missed.
"""

import math

from coursekit.course.quiz import Choice, Number, Question


def speed_up(work: float, start: float, machines: int) -> float:
    """Speed-up of a batch on several machines that need some time before they begin."""
    return work / (start + work / machines)


def dollars_per_million(factor: float, machine: float, used: float, characters: float) -> float:
    """Dollars for a million characters, from processor hours for an hour of speech."""
    return factor * machine / used * 1e6 / (characters * 3600)


QUESTIONS = [
    Question(
        "rename-a-folder",
        concept="object storage",
        text="A folder with 2,000 recordings in a bucket gets another name. What happens?",
        answer=[
            Choice("One entry is changed.", "There are no folders; each of the 2,000 keys holds the name."),
            Choice("Each object is copied to a new key.", "And the old ones are deleted, one by one.", right=True),
            Choice("It is forbidden.", "Copying and deleting are allowed; it only takes long."),
        ],
    ),
    Question(
        "after-the-break",
        concept="resumable upload",
        text="A file of 23 MiB goes up in parts of 5. The line breaks after 12 MiB. How many MiB are sent in all?",
        answer=Number(
            lambda: 23 + 12 % 5,
            "Two parts arrived, 10 MiB. Then 13 are left: 12 + 13 = 25.",
            wrong={
                "23": "2 MiB of the third part were sent and are sent again.",
                "35": "That would be without parts: all of it once more.",
            },
            unit="MiB",
        ),
    ),
    Question(
        "taken-back",
        concept="presigned link",
        text="You sent a link for one hour to the wrong person. What ends it at once?",
        answer=[
            Choice("Removing it from the list of links.", "There is none: a link is computed, not stored."),
            Choice("Making a new link.", "Then there are two that work."),
            Choice("Deleting the object, or the key that signed.", "The signature opens nothing then.", right=True),
        ],
    ),
    Question(
        "rule-on-versions",
        concept="lifecycle rule",
        text="A rule deletes recordings after 30 days. The bucket keeps versions. What is left on day 31?",
        answer=[
            Choice("Nothing.", "The rule put a mark on top; the versions need a rule of their own."),
            Choice("The recordings, under a mark.", "They can be read by version, and are paid for.", right=True),
            Choice("The recordings, since rules ignore versions.", "It acts: who lists the bucket sees nothing."),
        ],
    ),
    Question(
        "green-on-the-emulator",
        concept="emulator",
        text="A test sends a wrong checksum to an emulator, which accepts it. What do you know about the cloud?",
        answer=[
            Choice("It accepts wrong checksums.", "All three clouds refuse them; script 01 prints who does not."),
            Choice("Nothing.", "What an emulator accepts proves nothing.", right=True),
            Choice("Checksums are broken in the library.", "The library sent it as it should."),
        ],
    ),
    Question(
        "what-all-have",
        concept="common layer",
        text="What can a layer over S3, Google, Azure and a disk offer?",
        answer=[
            Choice("What any of them can.", "Then a call would fail on the others."),
            Choice("What all of them can.", "Get, put, list, delete: the rest is the maker's library.", right=True),
            Choice("What the cheapest of them can.", "Prices have nothing to do with it."),
        ],
    ),
    Question(
        "twice-the-template",
        concept="infrastructure as code",
        text="A template is sent a second time, unchanged. What should happen?",
        answer=[
            Choice("Everything is made a second time.", "A template says what should be, not what to do."),
            Choice("Nothing.", "Wanted and existing are the same.", right=True),
            Choice("Everything is deleted and made anew.", "Only what differs is touched."),
        ],
    ),
    Question(
        "committed-key",
        concept="secret store",
        text="A key was committed yesterday. What makes you safe again?",
        answer=[
            Choice("Deleting the line and committing.", "It stays in the history, and in every copy."),
            Choice("Making the repository private.", "Whoever cloned it before has the key."),
            Choice("A new key, and the old one made worthless.", "Then it does not matter who has it.", right=True),
        ],
    ),
    Question(
        "time-to-notice",
        concept="health check",
        text="The cloud asks every 10 s, and believes the third no in a row. A hung process is noticed after at most?",
        answer=Number(
            lambda: 10 * 3,
            "It hangs just after a yes: three asks, 10 s apart, are 30 s.",
            wrong={"10": "The first no is not believed.", "20": "That is from the first no to the third."},
            unit="s",
        ),
    ),
    Question(
        "which-path",
        concept="health check",
        text="A load balancer asks /health instead of /ready. When do users notice?",
        answer=[
            Choice("Never: both answer 200.", "Not while the service loads: then only one of them does."),
            Choice("At every update.", "Requests go to replicas that live and cannot speak yet.", right=True),
            Choice("When a replica dies.", "Both fail then, and it is taken out."),
        ],
    ),
    Question(
        "one-word",
        concept="dry run",
        text="Which word in a plan needs the longest look, where voices are kept?",
        answer=[
            Choice("add", "What is new holds nothing yet."),
            Choice("change", "It stays, with another setting."),
            Choice("replace", "A new one is made, empty, and the old one goes.", right=True),
        ],
    ),
    Question(
        "how-many-replicas",
        concept="autoscaling",
        text="Three replicas, processors at 84 %, target 60 %, at most 8. How many replicas are wanted?",
        answer=Number(
            lambda: min(8, math.ceil(3 * 84 / 60)),
            "3 * 84 / 60 = 4.2, rounded up: 5.",
            wrong={"4": "Four would be at 63 %, above the target.", "8": "That is the most, not the need."},
        ),
    ),
    Question(
        "backlog",
        concept="message queue",
        text="20 texts a second arrive for a minute; 5 workers speak 3 a second each. How many wait at its end?",
        answer=Number(
            lambda: (20 - 5 * 3) * 60,
            "20 come, 15 go: 5 a second for 60 s are 300.",
            wrong={"1200": "That is all that came; most were spoken.", "5": "That is for each second."},
        ),
    ),
    Question(
        "short-timeout",
        concept="at least once",
        text="A text takes 5 seconds, the visibility timeout is 2. What does the queue do?",
        answer=[
            Choice("It waits for the worker.", "It cannot know whether the worker lives."),
            Choice("It gives the message to another worker.", "After 2 s: all is done twice or more.", right=True),
            Choice("It moves the message to the dead-letter queue.", "Only after so many tries."),
        ],
    ),
    Question(
        "again-and-again",
        concept="idempotence",
        text="Which of these may be done twice without harm?",
        answer=[
            Choice("Add 1 to the number of texts.", "Twice is 2."),
            Choice("Send the listener a mail.", "She gets two."),
            Choice("Write the sound under a name made from its text.", "The same bytes, the same place.", right=True),
        ],
    ),
    Question(
        "poison",
        concept="dead-letter queue",
        text="A text crashes every worker that takes it. There is no dead-letter queue. What happens?",
        answer=[
            Choice("The queue drops it after a while.", "After days, when its time is over. Until then it comes back."),
            Choice("It comes back, and crashes the next one.", "That is what a poison message does.", right=True),
            Choice("It is spoken in the end.", "Nothing about it changes."),
        ],
    ),
    Question(
        "which-program",
        concept="task definition",
        text="A task definition names the image voice-api:latest. Two tasks of it run. Which program do they run?",
        answer=[
            Choice("The same, as they are of one revision.", "The tag moved between their starts, perhaps."),
            Choice("Perhaps two different ones.", "Each took what the tag meant when it started.", right=True),
            Choice("The newest, both.", "A running task is never changed."),
        ],
    ),
    Question(
        "price-of-a-million",
        concept="cost model",
        text="Factor 0.1, a machine for 0.06 dollars an hour, used half of the time, 15 characters a second."
        " Dollars for a million characters? (two decimals)",
        answer=Number(
            lambda: dollars_per_million(0.1, 0.06, 0.5, 15),
            "0.1 * 0.06 / 0.5 = 0.012 for an hour, which has 54,000 characters: 0.22.",
            wrong={"0.11": "That is for a machine that is never idle.", "0.012": "That is for an hour of speech."},
            tolerance=0.006,
        ),
    ),
    Question(
        "idle-bill",
        concept="utilisation",
        text="A machine speaks 5 % of the time. An hour of speech costs how many times as much as on one never idle?",
        answer=Number(
            lambda: 1 / 0.05,
            "1 / 0.05 = 20: you pay for the other nineteen hours, too.",
            wrong={"5": "That is the share in percent.", "0.05": "That is the share."},
        ),
    ),
    Question(
        "lines-cross",
        concept="break-even",
        text="Two replicas cost 144 dollars a month. A service takes 16 dollars a million characters."
        " From how many millions a month on are the replicas cheaper?",
        answer=Number(
            lambda: 144 / 16,
            "144 / 16 = 9 millions.",
            wrong={"4.5": "That is for one replica.", "2304": "The two were multiplied."},
        ),
    ),
    Question(
        "where-files-lie",
        concept="cluster",
        text="A worker on node 2 writes a clip to /tmp. A worker on node 1 reads it. On two real machines?",
        answer=[
            Choice("It finds the clip.", "On one machine, yes: that is why the fault shows up late."),
            Choice("It finds nothing.", "/tmp is another disk there. Use an object store.", right=True),
            Choice("Ray copies it.", "Ray carries what functions return, not what they write to a disk."),
        ],
    ),
    Question(
        "load-once",
        concept="task and actor",
        text="A voice loads in 4 s, a sentence takes 0.5 s. 60 sentences as tasks that load each time,"
        " against one actor: how many seconds are saved?",
        answer=Number(
            lambda: 60 * 4.5 - (4 + 60 * 0.5),
            "270 s against 34 s: 59 loads fewer.",
            wrong={"240": "The actor has to load the voice once, too.", "270": "That is what the tasks take."},
            unit="s",
        ),
    ),
    Question(
        "what-makes-a-retry-safe",
        concept="fault tolerance",
        text="A worker is killed; its piece is done again elsewhere. What makes the batch as it would have been?",
        answer=[
            Choice("Same input, same bytes, same name.", "Then nobody can tell the two batches apart.", right=True),
            Choice("A second worker for every piece.", "It costs double, and the kill may hit both."),
            Choice("A list of finished pieces in the worker.", "It died with it."),
        ],
    ),
    Question(
        "small-batch",
        concept="speed-up",
        text="A cluster of 4 takes 60 s to start, a batch 80 s of work. How many times as fast is it? (one decimal)",
        answer=Number(
            lambda: speed_up(80, 60, 4),
            "80 / (60 + 20) = 1.0: nothing is gained.",
            wrong={"4": "Only without the start.", "1.3": "That leaves out the work itself: 80 / 60."},
            tolerance=0.06,
        ),
    ),
    Question(
        "on-paper",
        concept="capacity planning",
        text="100,000 users listen 12 minutes a day, the factor is 0.03, the peak 4 times the mean. How many vCPUs?",
        answer=Number(
            lambda: 100_000 * 12 * 60 * 0.03 / 86_400 * 4,
            "72 million seconds of speech a day, 2.16 million of computing: 25 all day, 100 at the peak.",
            wrong={"25": "That is the mean over the day.", "1.7": "Minutes were taken for seconds."},
            tolerance=1,
        ),
    ),
    Question(
        "list-is-harmless",
        concept="least privilege",
        text="A role only plays recordings whose names it is told. May it list the bucket?",
        answer=[
            Choice("Yes: a list holds no voices.", "It holds names, and names say who was recorded."),
            Choice("No: it does not need it.", "What is not used is given to nobody.", right=True),
            Choice("Yes, at night.", "Rights that nobody uses are missed by nobody, except thieves."),
        ],
    ),
    Question(
        "one-key-for-all",
        concept="envelope encryption",
        text="All voices are encrypted with one data key. What is no longer possible?",
        answer=[
            Choice("To read them quickly.", "One key is as quick as many."),
            Choice(
                "To make one voice unreadable in all copies.",
                "Destroying the key would take all voices along.",
                right=True,
            ),
            Choice("To change the master key.", "Only the wrapped data key has to be wrapped anew."),
        ],
    ),
    Question(
        "the-proof-stays",
        concept="retention",
        text="Recordings go after 30 days, and the spoken consent with them, since it lies under the same prefix. So?",
        answer=[
            Choice("Good: less data.", "The model is still there, and nobody can show that it may be."),
            Choice("Bad: the proof has to outlive what it allows.", "Another prefix, another date.", right=True),
            Choice("Nothing: consent needs no proof.", "Whoever uses a voice has to be able to show it."),
        ],
    ),
    Question(
        "key-first",
        concept="deletion on revoked consent",
        text="Why is the voice's key destroyed before its objects are deleted?",
        answer=[
            Choice("It is quicker.", "Speed is not the point."),
            Choice("If the rest fails, nothing can be heard already.", "Copies in backups included.", right=True),
            Choice("The cloud demands it.", "It would take any order."),
        ],
    ),
]
