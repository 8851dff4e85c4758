"""Adapts the stack to ministack, the emulator of AWS that `.ci/emulated-cloud` runs. Each function below states what the
emulator lacks, and what it does about that.

    template PROGRAMS FILE    writes the template to deploy. PROGRAMS has a folder for each function's program.
    complete STACK            sets through the APIs what a deployment to the emulator leaves out
    functions STACK           prints the names of the deployed functions by the names of their programs, as JSON
"""

import json
import pathlib
import re
import sys

import boto3
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUNCTION = "AWS::Serverless::Function"


def use_built_programs(template, programs):
    """The programs in CodeUri are those of this build. `sam build` would build them in the release profile, for arm64."""
    template["Globals"]["Function"].pop("CodeUri")
    for function in resources(template, FUNCTION).values():
        function["Properties"]["CodeUri"] = str(programs / program(function))


def remove_metric_math(template):
    """The emulator rejects a stack with an alarm on more than one metric."""
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm").items():
        if "Metrics" in alarm["Properties"]:
            print(f"left out: the alarm {name}, which uses metric math")
            del template["Resources"][name]


def remove_deployment_preference(template):
    """The emulator rejects a stack with resources of CodeDeploy. Each alias refers to the new version at once."""
    functions = [template["Globals"]["Function"]]
    functions += [function["Properties"] for function in resources(template, FUNCTION).values()]
    for properties in functions:
        if properties.pop("DeploymentPreference", None):
            print("left out: the gradual deployment of new versions")


def set_body_of_api(stack):
    """The emulator reads only routes, authorizers and integrations from the API's definition. It drops the gateway responses
    and the responses to preflight requests. Both take effect with a new deployment of the API."""
    gateway = boto3.client("apigateway")
    for api in stack.resources("AWS::ApiGateway::RestApi").values():
        body = stack.resolve(api["Properties"]["Body"])
        for kind, response in body["x-amazon-apigateway-gateway-responses"].items():
            gateway.put_gateway_response(restApiId=api["Id"], responseType=kind, **only_strings(response))
        items = gateway.get_paginator("get_resources").paginate(restApiId=api["Id"])
        ids = {item["path"]: item["id"] for item in items.search("items[]")}
        for path, methods in body["paths"].items():
            if "options" not in methods:
                continue
            for response in methods["options"]["x-amazon-apigateway-integration"]["responses"].values():
                gateway.put_integration_response(
                    restApiId=api["Id"], resourceId=ids[path], httpMethod="OPTIONS", **only_strings(response)
                )
        stages = [stage["stageName"] for stage in gateway.get_stages(restApiId=api["Id"])["item"]]
        for stage_name in stages:
            gateway.create_deployment(restApiId=api["Id"], stageName=stage_name)


def set_table_settings(stack):
    """The emulator drops the TTL and the point-in-time recovery of tables."""
    dynamodb = boto3.client("dynamodb")
    for table in stack.resources("AWS::DynamoDB::Table").values():
        settings = stack.resolve(table["Properties"])
        ttl = dynamodb.describe_time_to_live(TableName=table["Id"])["TimeToLiveDescription"]
        # It is an error to enable it twice.
        if ttl["TimeToLiveStatus"] == "DISABLED":
            dynamodb.update_time_to_live(
                TableName=table["Id"], TimeToLiveSpecification=settings["TimeToLiveSpecification"]
            )
        dynamodb.update_continuous_backups(
            TableName=table["Id"], PointInTimeRecoverySpecification=settings["PointInTimeRecoverySpecification"]
        )


def set_reserved_concurrency(stack):
    """The emulator drops the reserved concurrency of functions."""
    functions = boto3.client("lambda")
    for function in stack.resources("AWS::Lambda::Function").values():
        reserved = stack.resolve(function["Properties"].get("ReservedConcurrentExecutions"))
        if reserved is not None:
            functions.put_function_concurrency(FunctionName=function["Id"], ReservedConcurrentExecutions=int(reserved))


def resources(template, kind):
    """Returns the resources of a type, by their logical ids."""
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


def program(function):
    """Returns the name of a function's program."""
    return function["Metadata"]["BuildProperties"]["Binary"]


def only_strings(response):
    """Returns the parameters of a response for the API of API Gateway, which takes strings only."""
    return {key: str(value) if key == "statusCode" else value for key, value in response.items()}


class Stack:
    """A deployed stack: the template that SAM generated, with the ids of its resources."""

    def __init__(self, name):
        formation = boto3.client("cloudformation")
        description = formation.describe_stacks(StackName=name)["Stacks"][0]
        self.parameters = {each["ParameterKey"]: each["ParameterValue"] for each in description["Parameters"]}
        template = formation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
        self.template = template if isinstance(template, dict) else json.loads(template)
        summaries = formation.get_paginator("list_stack_resources").paginate(StackName=name)
        self.ids = {
            summary["LogicalResourceId"]: summary["PhysicalResourceId"]
            for summary in summaries.search("StackResourceSummaries[]")
        }

    def resources(self, kind):
        """Returns the deployed resources of a type, by their logical ids. `Id` is the physical id."""
        found = resources(self.template, kind)
        return {name: {**resource, "Id": self.ids[name]} for name, resource in found.items() if name in self.ids}

    def resolve(self, value):
        """Returns the value with conditions evaluated and references to parameters replaced. Other references remain."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": name} if name in self.parameters:
                return self.parameters[name]
            case {"Fn::Sub": str(text)}:
                return self.resolve({"Fn::Sub": [text, {}]})
            case {"Fn::Sub": [text, variables]}:
                resolved = self.resolve(variables)
                known = self.parameters | {name: each for name, each in resolved.items() if isinstance(each, str)}
                return re.sub(r"\$\{(\w+)\}", lambda name: known.get(name[1], name[0]), text)
            case {"Fn::If": [condition, consequent, alternative]}:
                holds = self.resolve(self.template["Conditions"][condition])
                return self.resolve(consequent if holds else alternative)
            case {"Condition": str(name), **rest} if not rest:
                return self.resolve(self.template["Conditions"][name])
            case {"Fn::Equals": [one, other]}:
                return str(self.resolve(one)) == str(self.resolve(other))
            case {"Fn::Not": [operand]}:
                return not self.resolve(operand)
            case {"Fn::And": operands}:
                return all(self.resolve(operand) for operand in operands)
            case {"Fn::Or": operands}:
                return any(self.resolve(operand) for operand in operands)
            case dict():
                return {key: self.resolve(each) for key, each in value.items()}
            case list():
                return [self.resolve(each) for each in value]
            case _:
                return value


def main():
    match sys.argv[1:]:
        case ["template", programs, file]:
            template = yaml_parse((ROOT / "template.yaml").read_text())
            use_built_programs(template, pathlib.Path(programs))
            remove_metric_math(template)
            remove_deployment_preference(template)
            pathlib.Path(file).write_text(json.dumps(template))
        case ["complete", name]:
            stack = Stack(name)
            set_body_of_api(stack)
            set_table_settings(stack)
            set_reserved_concurrency(stack)
        case ["functions", name]:
            ids = Stack(name).ids
            functions = resources(yaml_parse((ROOT / "template.yaml").read_text()), FUNCTION)
            print(json.dumps({program(function): ids[name] for name, function in functions.items()}))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
