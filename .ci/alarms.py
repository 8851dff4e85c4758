"""Checks each alarm of template.yaml in an emulated CloudWatch, at its threshold and just beside it.

`tests/src/deployment/alarms.rs` evaluates the alarms with rules of its own. This script compares these with an implementation that
does not belong to this project. It needs boto3, aws-sam-translator and a running emulator:

    AWS_ENDPOINT_URL=http://127.0.0.1:4566 python .ci/alarms.py

The emulator, ministack 1.5.33, differs from CloudWatch in three ways:

- It does not evaluate metric math, so alarms on more than one metric are left out.
- It ignores the dimensions of an alarm, so each alarm has an AWS account of its own, which is new in each run.
- It applies the statistic to all evaluation periods together, so this script publishes all values in one period.
"""

import pathlib
import time

import boto3
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = pathlib.Path(__file__).resolve().parent.parent / "template.yaml"
# They refer to a topic that the emulator does not have.
ACTIONS = {"AlarmActions", "OKActions"}


def check_alarms():
    """Raises an error if an alarm does not start at its threshold, or starts before it. Returns the names of all checked alarms."""
    template = yaml_parse(TEMPLATE.read_text())
    alarms = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "MetricName" in resource["Properties"]
    }
    run = int(time.time())
    for number, (name, properties) in enumerate(alarms.items()):
        check_alarm(name, resolved(properties, template["Parameters"]), account=f"{run}{number:02}")
    return list(alarms)


def check_alarm(name, properties, account):
    # The emulator derives the account from the access key.
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="secret", region_name="eu-central-1")
    cloudwatch = session.client("cloudwatch")
    alarm = {field: value for field, value in properties.items() if field not in ACTIONS}
    cloudwatch.put_metric_alarm(AlarmName=name, **alarm)
    *harmless, breaching = values_up_to_the_breach(properties)
    for values, expected in [(harmless, "OK"), ([breaching], "ALARM")]:
        metric = {"MetricName": properties["MetricName"], "Dimensions": properties["Dimensions"]}
        cloudwatch.put_metric_data(
            Namespace=properties["Namespace"], MetricData=[metric | {"Value": value} for value in values]
        )
        [described] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        assert described["StateValue"] == expected, (name, expected, described)


def values_up_to_the_breach(properties):
    """Returns values of which only the last one makes the metric breach the threshold."""
    threshold = float(properties["Threshold"])
    match (properties.get("Statistic", properties.get("ExtendedStatistic")), properties["ComparisonOperator"]):
        case ("Sum", "GreaterThanOrEqualToThreshold"):
            return [threshold - 1, 1]
        case ("Maximum", "GreaterThanOrEqualToThreshold"):
            return [threshold - 1, threshold]
        case ("p99", "GreaterThanThreshold"):
            return [threshold, threshold + 1]
        case other:
            raise ValueError(f"{other} is not supported")


def resolved(value, parameters):
    """Returns `value` with the defaults of parameters, and with the logical ids of resources in place of their names."""
    match value:
        case {"Ref": name}:
            return parameters[name]["Default"] if name in parameters else name
        case {"Fn::GetAtt": [name, _]}:
            return name
        case dict():
            return {key: resolved(item, parameters) for key, item in value.items()}
        case list():
            return [resolved(item, parameters) for item in value]
    return value


if __name__ == "__main__":
    print("checked in the emulator:", ", ".join(check_alarms()))
