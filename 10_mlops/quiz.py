"""The quiz of module 10: one question at least for each section of MLOPS_CONCEPTS_EXPLAINED.md.

Run it with `course quiz 10`; `course quiz 10 --due` asks again what was missed.
"""

from coursekit.course.quiz import Choice, Number, Question


def amdahl(part: float, speed: float) -> float:
    """Speed-up of the whole when a part of the time is made so many times as quick."""
    return 1 / ((1 - part) + part / speed)


def quantile_of_buckets(buckets: list[tuple[float, float]], share: float) -> float:
    """What Prometheus' histogram_quantile says, for a quantile inside a finite bucket."""
    wanted, low, counted = share * buckets[-1][1], 0.0, 0.0
    for high, count in buckets:
        if count >= wanted:
            return low + (high - low) * (wanted - counted) / (count - counted)
        low, counted = high, count
    return low


QUESTIONS = [
    Question(
        "best-of-fifty",
        concept="experiment tracking",
        text="Fifty runs, all equally good in truth, are judged on one small set. The best shows 97 %. On new data?",
        answer=[
            Choice("About 97 %.", "It was chosen because it was lucky on exactly this set."),
            Choice("Less than 97 %.", "The best of many is also the luckiest; luck stays behind.", right=True),
            Choice("More, since it is the best.", "Nothing about it is better than the other 49."),
        ],
    ),
    Question(
        "which-five",
        concept="reproducibility",
        text="Two runs have the same commit, settings and seed, and differ by 2 %. What is looked at first?",
        answer=[
            Choice("The fingerprint of the data.", "Data is what changes without a commit.", right=True),
            Choice("The learning rate.", "It is among the settings, which are the same."),
            Choice("The name of the run.", "A name changes nothing."),
        ],
    ),
    Question(
        "what-moves",
        concept="model registry",
        text="Version 4 is promoted. What changes in the registry?",
        answer=[
            Choice("The file of version 3 is overwritten.", "Versions never change: a rollback needs them."),
            Choice("The alias champion now stands for 4.", "One name moves, and that is all.", right=True),
            Choice("Version 4 becomes version 1.", "Numbers are given once."),
            Choice("Version 3 is deleted.", "Then there would be no way back."),
        ],
    ),
    Question(
        "interval-touches-zero",
        concept="promotion gate",
        text="The gain is +0.02, its 90 % interval goes from -0.01 to +0.05. What does the gate say?",
        answer=[
            Choice("Promote: the gain is positive.", "Of two equal models, one always has a positive gain."),
            Choice(
                "Refuse: no loss is ruled out.", "The lower end is below zero; get more test recordings.", right=True
            ),
            Choice("Promote, and watch.", "That moves the test to the users."),
        ],
    ),
    Question(
        "share-of-the-switch",
        concept="rollback",
        text="Noticing took 30 minutes, deciding 10, switching 1 second. A switch ten times as quick saves?",
        answer=Number(
            lambda: (1 - 0.1) / 60,
            "0.9 seconds are 0.015 minutes. Work on noticing.",
            wrong={
                "4": "That would be a tenth of everything; only the switch became quicker.",
                "0.9": "Those are seconds.",
            },
            tolerance=0.002,
            unit="min",
        ),
    ),
    Question(
        "whose-fault",
        concept="model serving",
        text="A client sends a text file instead of a sound. Which status is right?",
        answer=[
            Choice("500", "It says that the service is broken; somebody is woken up."),
            Choice("200 with kind unknown", "The client goes on as if all were well."),
            Choice("415", "The client's fault, with a code it can read.", right=True),
        ],
    ),
    Question(
        "two-feature-programs",
        concept="training-serving skew",
        text="The service computes features in another language, checked by eye. What happens most likely?",
        answer=[
            Choice("It crashes at once.", "Both programs give numbers; nothing crashes."),
            Choice("Verdicts are wrong a little more often.", "Small differences, no error: that is skew.", right=True),
            Choice("Nothing: numbers are numbers.", "Mean of squares before or after the logarithm are 17 dB apart."),
        ],
    ),
    Question(
        "page-of-ten",
        concept="latency percentiles",
        text="A page asks ten times. How probable is it that one of the ten is beyond the p95? (two decimals)",
        answer=Number(
            lambda: 1 - 0.95**10,
            "1 - 0.95^10 = 0.40: the tail is what people meet.",
            wrong={
                "0.05": "That is for a single request.",
                "0.5": "Ten times 5 % counts those twice who meet two slow ones.",
            },
            tolerance=0.006,
        ),
    ),
    Question(
        "littles-law",
        concept="load testing",
        text="12 clients, each waiting for its answer, get 60 answers a second. How long does one take, in ms?",
        answer=Number(
            lambda: 1000 * 12 / 60,
            "W = L / rate = 12 / 60 s = 200 ms.",
            wrong={
                "5000": "That is the rate divided by the clients.",
                "16.7": "1 / 60 s would be the time with a single client.",
            },
            tolerance=1,
            unit="ms",
        ),
    ),
    Question(
        "polite-tool",
        concept="load testing",
        text="A tool sends a request only after the answer to the last one. The service stops for 2 s. It reports",
        answer=[
            Choice("many requests of about 2 s", "They were never sent, so they are not written down."),
            Choice("one request of 2 s", "All others that should have come meanwhile are missing.", right=True),
            Choice("an error", "The service answered, late."),
        ],
    ),
    Question(
        "amdahl-half",
        concept="profiling",
        text="40 % of the time is made four times as quick. How many times as quick is the whole? (two decimals)",
        answer=Number(
            lambda: amdahl(0.4, 4),
            "1 / (0.6 + 0.1) = 1.43.",
            wrong={
                "4": "Only a part of the time became quicker.",
                "1.6": "Speed-ups do not multiply with shares.",
            },
            tolerance=0.006,
        ),
    ),
    Question(
        "from-buckets",
        concept="prometheus metrics",
        text="At most 0.2 s: 60 requests. At most 0.4 s: 100, which are all. What is the p80 from these buckets, in s?",
        answer=Number(
            lambda: quantile_of_buckets([(0.2, 60), (0.4, 100)], 0.8),
            "80 is 20 into the 40 of the second bucket: half way, 0.3 s.",
            wrong={
                "0.4": "That is the end of the bucket.",
                "0.32": "80 % of 0.4 has nothing to do with how many there are.",
            },
            tolerance=0.001,
            unit="s",
        ),
    ),
    Question(
        "what-not-to-log",
        concept="structured logs",
        text="What does a line of the clip judge's log NOT hold?",
        answer=[
            Choice("The status and the time it took.", "It does: that is what logs are searched for."),
            Choice("The ten features.", "It does: drift is tested from them."),
            Choice("The recording.", "A voice has no place in a log that is copied about.", right=True),
        ],
    ),
    Question(
        "ten-tests",
        concept="drift",
        text="Ten independent features are each tested at 1 %. How often does at least one ring on a quiet day? (in %)",
        answer=Number(
            lambda: 100 * (1 - 0.99**10),
            "1 - 0.99^10 = 9.6 %: nearly every tenth day. Test the largest gap once instead.",
            wrong={"1": "That holds for one feature.", "10": "Close; those with two alarms are counted twice."},
            tolerance=0.2,
            unit="%",
        ),
    ),
    Question(
        "drift-then",
        concept="drift",
        text="Drift is found: the pauses became 12 dB louder from one day to the next. What comes first?",
        answer=[
            Choice("Retrain on the new recordings.", "Perhaps a cable is broken; a model should not learn that."),
            Choice("Find out what changed.", "A microphone is repaired, a new kind of user is learnt.", right=True),
            Choice("Raise the limit of the alarm.", "Then the next fault is not seen either."),
        ],
    ),
    Question(
        "deleted-later",
        concept="container images",
        text="One step copies a file of 500 MB, a later step deletes it. How much larger is the image for it, in MB?",
        answer=Number(
            lambda: 500,
            "Layers are only added. The file stays in its layer, unseen.",
            wrong={"0": "The deletion is a layer of its own; the one below is still delivered."},
            unit="MB",
        ),
    ),
    Question(
        "copy-dot",
        concept="layer cache",
        text="A Dockerfile has COPY . first, then installs packages. You mend the README. What is made again?",
        answer=[
            Choice("Only the copy.", "All steps below stand on it."),
            Choice("The copy, and all packages.", "The key of every later step has changed.", right=True),
            Choice("Nothing: a README is no code.", "COPY . copies it, and its content is in the key."),
        ],
    ),
    Question(
        "alive-not-ready",
        concept="health and readiness",
        text="A service answers /health with 200 and /ready with 503. What should be done with it?",
        answer=[
            Choice("Start it anew.", "It lives; starting anew only makes it load again."),
            Choice("Send it no requests, and wait.", "It is loading, or has nothing to work with yet.", right=True),
            Choice("Send it requests.", "It has just said that it cannot work."),
        ],
    ),
    Question(
        "three-point-ten",
        concept="continuous integration",
        text="In a workflow stands python: 3.10, without quotes. Which version is looked for?",
        answer=Number(
            lambda: float("3.10"),
            "YAML reads a number, and the number 3.10 is 3.1.",
            wrong={"3.11": "Nobody rounds up; a trailing zero is lost."},
        ),
    ),
    Question(
        "never-automatic",
        concept="continuous training",
        text="Which link of the loop must a person keep in hand?",
        answer=[
            Choice("Training.", "It is the same every time: let the machine do it."),
            Choice("The gate and the frozen test.", "Whoever can change the bar can let anything through.", right=True),
            Choice("Validation of files.", "Rules find broken files better than people do."),
        ],
    ),
    Question(
        "whole-but-wrong",
        concept="data validation",
        text="All 75 files of a batch are whole, new and long enough. Every label is one row too low. Who notices?",
        answer=[
            Choice("The validation of files.", "Each file and each label is fine by itself."),
            Choice("The gate.", "The model trained on it is worse on the frozen test.", right=True),
            Choice("The trainer, by an error.", "A model learns any labels."),
        ],
    ),
    Question(
        "write-then-rename",
        concept="zero-downtime updates",
        text="Why is a new model written to a file of its own and then made current by renaming a small pointer?",
        answer=[
            Choice("Renaming is quicker than writing.", "Speed is not the point."),
            Choice(
                "Readers see the old or the new one, never half.", "A rename happens at once or not at all.", right=True
            ),
            Choice("So that the old one is deleted.", "It stays: the rollback needs it."),
        ],
    ),
]
