"""A voice service on AWS from end to end: texts arrive in a bucket, wait in a queue, are spoken by workers, are logged.

What you will learn
    - the four parts of most cloud systems: store, queue, workers, logs; and why none of them is asked to remember
    - at least once: why a queue gives a message out again, and what makes a second time harmless
    - a worker that dies in the middle of its work, and a text that kills every worker that touches it
    - a task definition: what a container is told, registered and counted
    - the same plan on Google Cloud and Azure, in their words
How to run it
    python 03_aws_end_to_end.py --quick    six texts, about 21 s, no network
    python 03_aws_end_to_end.py            thirty texts
Time and memory on 2 CPU cores: quick 21 s, full 22 s; 0.9 GB
Writes outputs/: aws_timeline.png, emulator_s3.log, spoken/
Concepts: CLOUD_CONCEPTS_EXPLAINED.md (message queue, at least once, idempotence, dead-letter queue, task definition)
"""

import hashlib
import json
import time
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

import yaml
from cloud_utils import BLUE, GREEN, GREY, ORANGE, emulators, needs, prepare, save_figure, starter_voice
from matplotlib.figure import Figure
from templates_check import text_of

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.files import write_bytes_atomic
from voice_pipeline.audio import encode
from voice_pipeline.errors import PipelineError
from voice_pipeline.synthesis import speak

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
TEXTS = {True: 6, False: 30}  # quick, full
VISIBLE_AFTER = 2  # seconds a message is hidden from others; longer than a text takes, shorter than anyone's patience
TRIES = 3  # then a message goes to the dead-letter queue, where a person looks at it
LINES = (
    "Begin at the beginning.",
    "Go on till you come to the end, then stop.",
    "They all sat down at once, in a large ring.",
    "The first question was how to get dry again.",
    "She went on growing and growing.",
    "It sounded an excellent plan, no doubt.",
)
POISON = "... !!! ..."  # nothing in it can be said: every worker fails on it, today and tomorrow
LOGS, STREAM = "/voices/worker", "one"
WORDS = [
    ("store", "S3 bucket", "Cloud Storage bucket", "Blob container"),
    ("event", "S3 notification", "Pub/Sub notification", "Event Grid subscription"),
    ("queue", "SQS", "Pub/Sub subscription", "Storage queue or Service Bus"),
    ("hidden for", "visibility timeout", "acknowledgement deadline", "visibility timeout or lock"),
    ("poison goes to", "dead-letter queue", "dead-letter topic", "poison or dead-letter queue"),
    ("worker", "Fargate task", "Cloud Run worker or job", "Container Apps job"),
    ("logs", "CloudWatch log group", "Cloud Logging bucket", "Log Analytics workspace"),
    ("who may", "IAM role", "service account", "managed identity"),
]

# ----------------------------------------------------------------------------------------------------------------------
# the parts


class Cloud:
    """Clients of the four services, and what they are called. All of it is emulated on this machine."""

    def __init__(self, address: str) -> None:
        import boto3

        made_up = {"aws_access_key_id": "made-up", "aws_secret_access_key": "made-up", "region_name": "eu-central-1"}
        self.s3, self.sqs, self.logs, self.ecs = (
            boto3.client(name, endpoint_url=address, **made_up) for name in ("s3", "sqs", "logs", "ecs")
        )
        self.bucket = "course-voices"
        place = {"LocationConstraint": "eu-central-1"}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=place)
        self.dead = self.sqs.create_queue(QueueName="texts-dead")["QueueUrl"]
        dead_name = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        # concept: dead-letter queue
        policy = {"deadLetterTargetArn": dead_name, "maxReceiveCount": TRIES}
        attributes = {"VisibilityTimeout": str(VISIBLE_AFTER), "RedrivePolicy": json.dumps(policy)}
        self.queue = self.sqs.create_queue(QueueName="texts", Attributes=attributes)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        # The bucket itself tells the queue: nobody has to remember to.
        rule = {
            "QueueArn": arn,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "texts/"}]}},
        }
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": [rule]}
        )
        self.logs.create_log_group(logGroupName=LOGS)
        self.logs.put_retention_policy(logGroupName=LOGS, retentionInDays=30)
        self.logs.create_log_stream(logGroupName=LOGS, logStreamName=STREAM)

    def log(self, **what) -> None:
        """Write one structured line: numbers and names, never the text somebody wanted spoken."""
        event = {"timestamp": int(time.time() * 1000), "message": json.dumps(what)}
        self.logs.put_log_events(logGroupName=LOGS, logStreamName=STREAM, logEvents=[event])

    def waiting(self, queue: str) -> int:
        """Return how many messages a queue holds, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


def register_task(cloud: Cloud) -> dict:
    """Register the task definition of script 02's template, in the words that the API uses; return what came back."""
    # concept: task definition

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, tag, node: f"{tag} {getattr(node, 'value', '')}")
    properties = yaml.load(text_of("aws"), Loader)["Resources"]["Task"]["Properties"]
    [container] = properties["ContainerDefinitions"]
    wanted = {
        "name": container["Name"],
        "image": "1.dkr.ecr.eu-central-1.amazonaws.com/voice-api:1",
        "essential": True,
        "environment": [{"name": pair["Name"], "value": pair["Value"]} for pair in container["Environment"]],
        "command": ["python", "worker.py"],  # the same image, another command: it works off the queue
    }
    answer = cloud.ecs.register_task_definition(
        family="voice-worker",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu=properties["Cpu"],
        memory=properties["Memory"],
        containerDefinitions=[wanted],
    )
    return answer["taskDefinition"]


# ----------------------------------------------------------------------------------------------------------------------
# the worker


class Killed(Exception):
    """What a machine does that is taken away."""


@dataclass
class Worker:
    """Takes a message, speaks its text, keeps the sound, deletes the message; in this order.

    Attributes:
        cloud: Where everything is.
        voice: Who speaks.
        dies_at: The machine goes away at this text (counted from 1), after speaking, before anything is kept.
        told: What happened: seconds since `started`, key, "spoken", "there already", "failed" or "killed".
    """

    cloud: Cloud
    voice: object
    dies_at: int = 0
    started: float = 0.0
    told: list = field(default_factory=list)

    def work(self, until) -> None:
        """Work until `until()` is true. Every message is one that another worker may have had before."""
        count = 0
        while not until():
            answer = self.cloud.sqs.receive_message(QueueUrl=self.cloud.queue, MaxNumberOfMessages=1, WaitTimeSeconds=0)
            messages = answer.get("Messages", [])
            if not messages:
                time.sleep(0.1)
            # concept: at least once
            for message in messages:
                body = json.loads(message["Body"])
                for record in body.get("Records", []):  # S3's own test message has none
                    count += 1
                    key = unquote_plus(record["s3"]["object"]["key"])  # keys come encoded like the end of an address
                    self.one(key, count == self.dies_at)
                if self.told and self.told[-1][2] == "failed":
                    self.give_back(message)
                    continue
                self.cloud.sqs.delete_message(QueueUrl=self.cloud.queue, ReceiptHandle=message["ReceiptHandle"])

    def give_back(self, message: dict) -> None:
        """Let others try at once, instead of when the time is over. After TRIES the dead-letter queue gets it."""
        self.cloud.sqs.change_message_visibility(
            QueueUrl=self.cloud.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )

    def one(self, key: str, dies: bool) -> None:
        """Speak one text of the bucket."""
        # concept: idempotence
        content = self.cloud.s3.get_object(Bucket=self.cloud.bucket, Key=key)["Body"].read()
        sound = f"speech/{hashlib.sha256(content).hexdigest()[:16]}.wav"  # named by what it says: twice is once
        known = self.cloud.s3.list_objects_v2(Bucket=self.cloud.bucket, Prefix=sound).get("KeyCount", 0)
        if known:
            self.tell(key, "there already")
            return
        begun = time.perf_counter()
        try:
            speech = speak(self.voice, content.decode())
        except PipelineError as error:
            self.tell(key, "failed", problem=type(error).__name__)
            return
        if dies:
            self.tell(key, "killed")
            raise Killed
        wav = encode(speech.waveform, speech.sample_rate, "wav")
        self.cloud.s3.put_object(Bucket=self.cloud.bucket, Key=sound, Body=wav)
        self.tell(key, "spoken", audio=round(speech.seconds, 2), compute=round(time.perf_counter() - begun, 3))

    def tell(self, key: str, outcome: str, **more) -> None:
        self.told.append((time.perf_counter() - self.started, key, outcome))
        self.cloud.log(key=key, outcome=outcome, **more)


def draw(told: list, path) -> None:
    """Draw what happened to each text, in the order of time."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    keys = list(dict.fromkeys(key for _, key, _ in told))
    looks = {"spoken": (GREEN, "o"), "there already": (GREY, "s"), "failed": (ORANGE, "x"), "killed": (BLUE, "v")}
    for outcome, (colour, marker) in looks.items():
        points = [(when, keys.index(key)) for when, key, said in told if said == outcome]
        if points:
            axes.scatter(*zip(*points, strict=True), color=colour, marker=marker, label=outcome, s=60, zorder=2)
    axes.set(xlabel="time since the first worker began (s)", yticks=range(len(keys)), title="every try of every text")
    axes.set_yticklabels(keys, fontsize=7)
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    save_figure(figure, path)
    print("aws_timeline.png: the text that the killed worker had comes back; the one that cannot be said, three times")


def main(settings) -> dict:
    needs("boto3", "moto")
    prepare(settings)
    with emulators(settings, ["s3"]) as addresses:  # moto's server speaks for all of AWS
        voice = starter_voice()
        cloud = Cloud(addresses["s3"])
        task = register_task(cloud)
        print(f"registered {task['family']}:{task['revision']}, {task['cpu']} CPU units, {task['memory']} MiB")

        # concept: message queue
        texts = [f"{LINES[n % len(LINES)]} Number {n}." for n in range(TEXTS[settings.quick])]
        for number, text in enumerate([*texts, POISON]):
            cloud.s3.put_object(Bucket=cloud.bucket, Key=f"texts/{number:03d}.txt", Body=text.encode())
        cloud.s3.put_object(Bucket=cloud.bucket, Key="texts/again.txt", Body=texts[0].encode())  # somebody clicks twice
        print(f"{len(texts) + 2} texts put into the bucket; {cloud.waiting(cloud.queue)} messages in the queue")

        started = time.perf_counter()
        first = Worker(cloud, voice, dies_at=2, started=started)
        try:
            first.work(lambda: False)
        except Killed:
            print("the first worker was taken away while it spoke its second text; its message is only hidden")
        second = Worker(cloud, voice, started=started, told=first.told)
        second.work(lambda: cloud.waiting(cloud.queue) == 0)

        sounds = cloud.s3.list_objects_v2(Bucket=cloud.bucket, Prefix="speech/")["Contents"]
        dead = cloud.waiting(cloud.dead)
        events = cloud.logs.filter_log_events(logGroupName=LOGS)["events"]
        keep = cloud.logs.describe_log_groups(logGroupNamePrefix=LOGS)["logGroups"][0]["retentionInDays"]
        folder = settings.out / "spoken"
        folder.mkdir(exist_ok=True)
        for sound in sounds[:2]:
            content = cloud.s3.get_object(Bucket=cloud.bucket, Key=sound["Key"])["Body"].read()
            write_bytes_atomic(folder / sound["Key"].split("/")[1], content)
    told = second.told
    outcomes = [outcome for _, _, outcome in told]
    for outcome in dict.fromkeys(outcomes):
        print(f"   {outcome:14} {outcomes.count(outcome):3}")
    killed = next(key for _, key, outcome in told if outcome == "killed")
    rescued = any(key == killed and outcome == "spoken" for _, key, outcome in told)
    print(f"{len(sounds)} sounds for {len(texts)} different texts; {dead} message a person has to look at")
    print(f"{len(events)} log lines, kept {keep} days; none holds a text")
    draw(told, settings.out / "aws_timeline.png")
    print("\nThe same plan in the other clouds' words:")
    for row in WORDS:
        print("   " + "".join(f"{word:{width}}" for word, width in zip(row, (16, 22, 26, 28), strict=True)).rstrip())
    leaks = sum(line[:20] in event["message"] for event in events for line in texts)
    return {
        "sounds": len(sounds) / len(texts),
        "rescued": int(rescued),
        "poison_tries": outcomes.count("failed"),
        "dead": dead,
        "spoken_twice": outcomes.count("spoken") - len(texts),
        "there_already": outcomes.count("there already"),
        "texts_in_logs": leaks,
        "log_lines": len(events) / len(told),
    }


EXPECTED = {
    "sounds": Expected(quick=(1, 1), full=(1, 1)),
    "rescued": Expected(quick=(1, 1), full=(1, 1)),
    "poison_tries": Expected(quick=(3, 3), full=(3, 3)),
    "dead": Expected(quick=(1, 1), full=(1, 1)),
    "spoken_twice": Expected(quick=(0, 0), full=(0, 0)),
    "there_already": Expected(quick=(1, 3), full=(1, 3)),
    "texts_in_logs": Expected(quick=(0, 0), full=(0, 0)),
    "log_lines": Expected(quick=(1, 1), full=(1, 1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_what_it_costs.py")
