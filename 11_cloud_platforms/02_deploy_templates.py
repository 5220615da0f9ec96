"""Deploy the voice API to three clouds: templates held to their schemas and to the service, a dry run, and the bill.

What you will learn
    - what a template is: the wanted state as a file, which is reviewed, repeated and deleted like code
    - the same service three times: AWS (CloudFormation, Fargate), Google (Cloud Run), Azure (Container Apps)
    - what a schema finds in a template, and what only somebody who knows the service can find
    - secrets that stand in no file, two health checks, autoscaling, and time to finish before the end
    - what it costs while nobody speaks
How to run it
    python 02_deploy_templates.py --quick    the templates, fourteen slips of the pen, a dry run, about 19 s, no network
    python 02_deploy_templates.py            the same; it is quick anyway
Time and memory on 2 CPU cores: quick 19 s, full 19 s; 0.4 GB
Writes outputs/: deployments.png, emulator_s3.log, plan_aws.txt
Concepts: CLOUD_CONCEPTS_EXPLAINED.md (infrastructure as code, secret store, health check, autoscaling, dry run)
"""

import csv
import time

from cloud_utils import BLUE, GREEN, HERE, ORANGE, emulators, needs, prepare, save_figure
from matplotlib.figure import Figure
from templates_check import FILES, plan_of, plan_problems, schema_problems, text_of

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
HOURS = 730  # of a month
WORKED = (0.0, 0.05, 0.25, 0.5, 1.0)  # share of the month in which a request is being spoken
# Slips of the pen: cloud, what is written, what should be, who finds it. "schema": the cloud's own description.
SLIPS = [
    ("aws", "RetentionInDays: 30", "RetentionInDay: 30", "schema"),
    ("aws", "RetentionInDays: 30", "RetentionInDays: 31", "schema"),
    ("aws", 'Cpu: "2048"', 'Cpu: "2000"', "schema"),
    ("aws", "!GetAtt StartRole.Arn", "!GetAtt StartRoll.Arn", "schema"),
    ("aws", "HealthCheckPath: /ready", "HealthCheckPath: /health", "service"),
    ("aws", "StopTimeout: 75", "StopTimeout: 30", "service"),
    ("google", '"maxInstanceCount"', '"maxInstances"', "schema"),
    ("google", '"failureThreshold": 24', '"failureThreshold": "many"', "schema"),
    ("google", "VOICE_API_THREADS", "VOICE_API_THREAD", "service"),
    ("google", '"minInstanceCount": 2', '"minInstanceCount": 0', "service"),
    ("azure", '"minReplicas"', '"minReplica"', "schema"),
    ("azure", '"targetPort": 8000', '"targetPort": "8000"', "schema"),
    ("azure", '"/state/service.sqlite3"', '"/voices/service.sqlite3"', "service"),
    ("azure", '"secretRef": "voice-api-key"', '"value": "a-key-of-48-characters"', "service"),
]

# ----------------------------------------------------------------------------------------------------------------------
# templates and slips


def check_templates() -> int:
    """Hold each template to its schema and to the service; return how many problems there are."""
    # concept: infrastructure as code
    total = 0
    for cloud, name in FILES.items():
        text = text_of(cloud)
        plan = plan_of(cloud, text)
        problems = schema_problems(cloud, text) + plan_problems(plan)
        total += len(problems)
        low, high = plan.replicas
        asked = ", ".join(sorted(plan.health))
        print(f"   {name:12} {low} to {high} x {plan.cpus:g} vCPU, {plan.gib:g} GiB, asks {asked}")
        for problem in problems:
            print(f"      {problem}")
    return total


def found_by(cloud: str, text: str) -> str:
    """Return who finds something wrong: "schema", "service" or "nobody"."""
    if schema_problems(cloud, text):
        return "schema"
    return "service" if plan_problems(plan_of(cloud, text)) else "nobody"


def try_slips() -> list[bool]:
    """Make every slip, and return whether the one finds it who should."""
    held = []
    for cloud, right, wrong, who in SLIPS:
        text = text_of(cloud)
        if text.count(right) != 1:
            raise CourseError(f"{FILES[cloud]} has {right!r} {text.count(right)} times; the slip wants it once.")
        finder = found_by(cloud, text.replace(right, wrong))
        held.append(finder == who)
        print(f"   {cloud:7} {wrong[:44]:46} found by the {finder}")
    return held


# ----------------------------------------------------------------------------------------------------------------------
# a dry run


def dry_run(settings) -> list[str]:
    """Ask CloudFormation (emulated) what it would make, without making it; return the kinds of things.

    The other two have no emulator. Their own dry runs need an account and change nothing:
        Google   services.create(..., validate_only=True)
        Azure    az deployment group what-if
    """
    # concept: dry run
    import boto3

    with emulators(settings, ["s3"]) as addresses:  # moto's server speaks for all of AWS, not only for S3
        made_up = {"aws_access_key_id": "made-up", "aws_secret_access_key": "made-up", "region_name": "eu-central-1"}
        client = boto3.client("cloudformation", endpoint_url=addresses["s3"], **made_up)
        ec2 = boto3.client("ec2", endpoint_url=addresses["s3"], **made_up)
        network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        one, two = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
        values = {
            "Image": "1.dkr.ecr.eu-central-1.amazonaws.com/voice-api:1",
            "Network": network,
            "SubnetA": one,
            "SubnetB": two,
            "Certificate": "arn:aws:acm:eu-central-1:123456789012:certificate/made-up",
        }
        client.create_change_set(
            StackName="voices",
            ChangeSetName="first",
            ChangeSetType="CREATE",
            TemplateBody=text_of("aws"),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
        )
        for _ in range(100):
            planned = client.describe_change_set(StackName="voices", ChangeSetName="first")
            if planned["Status"] == "CREATE_COMPLETE":
                break
            time.sleep(0.1)
        made = boto3.client("ecs", endpoint_url=addresses["s3"], **made_up).list_clusters()["clusterArns"]
        if made:
            raise CourseError("the dry run made a cluster; it should have made nothing.")
    lines = [
        f"{change['ResourceChange']['Action']} {change['ResourceChange']['ResourceType']}"
        f" {change['ResourceChange']['LogicalResourceId']}"
        for change in planned["Changes"]
    ]
    write_text_atomic(settings.out / "plan_aws.txt", "\n".join(lines) + "\n")
    return lines


# ----------------------------------------------------------------------------------------------------------------------
# what it costs


def read_prices() -> dict[str, float]:
    """Return US dollars by name; prices.csv says for what, where and when each was seen."""
    with open(HERE / "prices.csv", encoding="utf-8", newline="") as file:
        return {row["name"]: float(row["usd"]) for row in csv.DictReader(file)}


def monthly(worked: float, replicas: int, cpus: float, gib: float) -> dict[str, float]:
    """Return dollars a month for the processors and memory of a service; balancer, traffic and disks come besides.

    Args:
        worked: Share of the month in which a replica is speaking, 0..1.
        replicas: How many run all the time.
        cpus: vCPUs of one.
        gib: Memory of one.
    """
    # concept: autoscaling
    price, seconds = read_prices(), HOURS * 3600
    fargate = HOURS * replicas * (cpus * price["fargate_vcpu"] + gib * price["fargate_gb"])
    always = seconds * replicas * (cpus * price["cloud_run_always_vcpu"] + gib * price["cloud_run_gib"])
    asked = worked * seconds * replicas * (cpus * price["cloud_run_vcpu"] + gib * price["cloud_run_gib"])
    return {"Fargate": fargate, "Cloud Run, always on": always, "Cloud Run, only while it speaks": asked}


def draw(path, cpus: float, gib: float) -> dict[str, float]:
    """Draw the bill of two replicas against how much of the month they work; return the idle bill."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    bills = [monthly(worked, 2, cpus, gib) for worked in WORKED]
    for name, colour in zip(bills[0], (BLUE, ORANGE, GREEN), strict=True):
        axes.plot([100 * worked for worked in WORKED], [bill[name] for bill in bills], "o-", color=colour, label=name)
    axes.set(xlabel="of the month in which it speaks (%)", ylabel="two replicas (US dollars a month)", ylim=(0, None))
    axes.legend()
    save_figure(figure, path)
    print("deployments.png: what runs always costs the same at every load; what sleeps costs nothing, and wakes slowly")
    return bills[0]


def main(settings) -> dict:
    needs("cfnlint", "google.cloud.run_v2", "azure.mgmt.appcontainers", "boto3", "moto")
    prepare(settings)
    print("\nThree templates, each held to its cloud's schema and to the service:")
    problems = check_templates()
    print("\nSlips of the pen, one at a time:")
    held = try_slips()
    print("\nA dry run on AWS: what would be made?")
    lines = dry_run(settings)
    kinds = sorted({line.split()[1].split("::")[1] for line in lines})
    print(f"   {len(lines)} things, of {', '.join(kinds)}; nothing was made (plan_aws.txt)")
    plan = plan_of("aws", text_of("aws"))
    idle = draw(settings.out / "deployments.png", plan.cpus, plan.gib)
    for name, dollars in idle.items():
        print(f"   {name:34} {dollars:7.2f} US dollars a month while nobody speaks")
    print("Prices are seen, not known: prices.csv says where and when. Azure's are missing: look at its own page.")
    print("\nThe capstone's deploy/kubernetes is the same plan for a cluster of your own: studio apart from speakers.")
    return {
        "problems": problems,
        "slips_found": sum(held),
        "found_by_schema": sum(slip[3] == "schema" for slip, right in zip(SLIPS, held, strict=True) if right),
        "planned": len(lines),
        "fargate_idle_usd": idle["Fargate"],
        "asleep_idle_usd": idle["Cloud Run, only while it speaks"],
    }


EXPECTED = {
    "problems": Expected(quick=(0, 0), full=(0, 0)),
    "slips_found": Expected(quick=(14, 14), full=(14, 14)),
    "found_by_schema": Expected(quick=(8, 8), full=(8, 8)),
    "planned": Expected(quick=(18, 18), full=(18, 18)),
    "fargate_idle_usd": Expected(quick=(50, 500), full=(50, 500)),
    "asleep_idle_usd": Expected(quick=(0, 0), full=(0, 0)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_aws_end_to_end.py")
