"""Translates the SAM templates to CloudFormation, as AWS does when it deploys them, and checks what SAM generates.

`.ci/lint-aws` runs this module with the pinned translator. SAM generates the REST API, its deployment and its stages, and merges
the routes of the functions into the definition of the API. No other test sees these, because the local gateway reads the SAM
templates themselves.
"""

import json
import logging
import pathlib
import re
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
# SAM generates a further stage with this name unless the template sets OpenApiVersion. That stage would serve all routes
# without the settings of the template's own stage.
EXTRA_STAGE = "Stage"

# All settings of the stage of each template, except the references to the API and to its deployment.
STAGES = {
    "template.yaml": {
        "StageName": {"Ref": "Stage"},
        "TracingEnabled": {"Fn::If": ["Traces", True, False]},
        "Tags": [
            {
                "Key": "access-log-role",
                "Value": {"Fn::If": ["CreatesAccountLogRole", {"Ref": "ApiGatewayAccount"}, "existing"]},
            }
        ],
        "AccessLogSetting": {"DestinationArn": {"Fn::GetAtt": ["AccessLogs", "Arn"]}},
        "MethodSettings": [
            {
                "ResourcePath": "/*",
                "HttpMethod": "*",
                "ThrottlingRateLimit": {"Ref": "ThrottlingRate"},
                "ThrottlingBurstLimit": {"Ref": "ThrottlingBurst"},
                "LoggingLevel": "OFF",
                "DataTraceEnabled": False,
            }
        ],
    },
    "infra/example-api/template.yaml": {"StageName": "live"},
}
# API Gateway's newest security policy for regional APIs. It accepts TLS 1.3 only.
SECURITY_POLICY = "SecurityPolicy_TLS13_1_3_2025_09"
# The variables in the access log of the first template, by their fields. None of them contains a credential, a query or the
# path of a request.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "error_type": "$context.error.responseType",
    "principal_id": "$context.authorizer.principalId",
    "authorizer_status": "$context.authorizer.status",
    "authorizer_ms": "$context.authorizer.latency",
    "integration_status": "$context.integration.status",
    "integration_ms": "$context.integration.latency",
    "milliseconds": "$context.responseLatency",
    "bytes": "$context.responseLength",
    "source_ip": "$context.identity.sourceIp",
    "trace_id": "$context.xrayTraceId",
}
# What SAM appends to the logical id of a function for that of its alias.
ALIAS = "Aliaslive"
ROLLBACK_ALARMS = ["ServerErrors", "AuthorizerFailures"]
# By default, an AWS account may have this many concurrent executions of Lambda functions in a region. AWS rejects a reservation
# that leaves less than the second number unreserved.
# Source: "Configuring reserved concurrency for a function" in the AWS Lambda Developer Guide.
CONCURRENCY_QUOTA = 1_000
UNRESERVED_CONCURRENCY = 100
# The headers of the responses to preflight requests that other responses do not have. Only the first template has them.
PREFLIGHT = {
    "Access-Control-Allow-Headers": "'Authorization,Content-Type,Idempotency-Key'",
    "Access-Control-Allow-Methods": "'DELETE,GET,HEAD,OPTIONS,PATCH,POST'",
    "Access-Control-Max-Age": "'600'",
}


class Checks:
    """Compares values and collects the differences."""

    def __init__(self):
        self.failures = []

    def equal(self, what, actual, expected):
        if actual != expected:
            self.failures.append(f"{what} is {json.dumps(actual)} instead of {json.dumps(expected)}")


def parse(file):
    """Returns a SAM template as it is in the repository."""
    return yaml_parse((ROOT / file).read_text())


def translate(file, parameters=None, change=None):
    """Returns the resources of a template, as CloudFormation receives them from SAM. `parameters` are those without their
    default values. `change` contains properties of functions that replace those of the template, by logical id."""
    template = parse(file)
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    for resource in template["Resources"].values():
        # `sam package` replaces local folders by objects in S3.
        if resource["Type"] == "AWS::Serverless::Function" and "InlineCode" not in resource["Properties"]:
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    for name, properties in (change or {}).items():
        template["Resources"][name]["Properties"].update(properties)
    session = boto3.session.Session(region_name="eu-central-1")
    translator = Translator({}, Parser(), boto_session=session)
    return translator.translate(template, parameter_values=parameters or {})["Resources"]


def of_type(resources, name):
    """Returns the properties of all resources of a type, by their logical ids."""
    return {key: resource["Properties"] for key, resource in resources.items() if resource["Type"] == name}


def check_stage(checks, resources, expected):
    """Checks that there is one stage, that it has the expected settings, and that no other resource uses another stage."""
    deployments = of_type(resources, "AWS::ApiGateway::Deployment")
    checks.equal("the number of deployments", len(deployments), 1)
    for key, deployment in deployments.items():
        checks.equal(f"{key}.StageName", deployment.get("StageName"), None)
        checks.equal(f"{key}.StageDescription", deployment.get("StageDescription"), None)

    stages = of_type(resources, "AWS::ApiGateway::Stage")
    checks.equal("the number of stages", len(stages), 1)
    for key, stage in stages.items():
        settings = dict(stage)
        checks.equal(f"{key}.RestApiId", settings.pop("RestApiId"), {"Ref": "Api"})
        checks.equal(f"{key}.DeploymentId", settings.pop("DeploymentId"), {"Ref": next(iter(deployments))})
        if "AccessLogSetting" in settings:
            log = dict(settings["AccessLogSetting"])
            checks.equal("the access log", json.loads(log.pop("Format")), ACCESS_LOG)
            settings["AccessLogSetting"] = log
        checks.equal(key, settings, expected)
        if settings["StageName"] == EXTRA_STAGE:
            checks.failures.append(f"{key} has the name of SAM's extra stage")
        for mapping, properties in of_type(resources, "AWS::ApiGateway::BasePathMapping").items():
            checks.equal(f"{mapping}.Stage", properties["Stage"], {"Ref": key})
        for association, properties in of_type(resources, "AWS::WAFv2::WebACLAssociation").items():
            arn = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${StageName}"
            expected_arn = {"Fn::Sub": [arn, {"StageName": {"Ref": key}}]}
            checks.equal(f"{association}.ResourceArn", properties["ResourceArn"], expected_arn)


def check_endpoints(checks, resources, api):
    """Checks the TLS policy of the API and of its custom domain, and that such a domain disables the address of AWS."""
    domains = of_type(resources, "AWS::ApiGateway::DomainName")
    for name, properties in {"Api": api, **domains}.items():
        checks.equal(f"{name}.SecurityPolicy", properties.get("SecurityPolicy"), SECURITY_POLICY)
        checks.equal(f"{name}.EndpointAccessMode", properties.get("EndpointAccessMode"), "STRICT")
        checks.equal(f"{name}.EndpointConfiguration", properties["EndpointConfiguration"], {"Types": ["REGIONAL"]})
    if domains:
        configuration = api["Body"].get("x-amazon-apigateway-endpoint-configuration")
        disabled = {"disableExecuteApiEndpoint": {"Fn::If": ["HasDomain", True, False]}}
        checks.equal("the endpoint configuration of the API", configuration, disabled)


def check_dependencies(checks, resources):
    """Checks that nothing depends on a conditional resource: without the one, CloudFormation does not create the other."""
    for key, resource in resources.items():
        dependencies = resource.get("DependsOn", [])
        for name in [dependencies] if isinstance(dependencies, str) else dependencies:
            checks.equal(f"the condition of {name}, on which {key} depends", resources[name].get("Condition"), None)


def check_preflight(checks, body, own):
    """Checks that the response to the preflight request of each path has the headers `own` and those of the gateway responses.
    API Gateway drops a header that the response of the method does not declare, and it rejects a declaration in the format of
    another OpenAPI version."""
    expected = own
    if own:
        common = body["x-amazon-apigateway-gateway-responses"]["DEFAULT_4XX"]["responseParameters"]
        expected = own | {name.removeprefix("gatewayresponse.header."): value for name, value in common.items()}
    for path, methods in body["paths"].items():
        if not expected:
            checks.equal(f"OPTIONS {path}", methods.get("options"), None)
            continue
        checks.equal(f"{path} has a route", len(methods) > 1, True)
        options = methods["options"]
        checks.equal(f"the security of OPTIONS {path}", options.get("security"), None)
        integration = options["x-amazon-apigateway-integration"]
        checks.equal(f"the integration of OPTIONS {path}", integration["type"], "mock")
        checks.equal(f"the responses of OPTIONS {path}", sorted(integration["responses"]), ["default"])
        response = integration["responses"]["default"]
        headers = {
            name.removeprefix("method.response.header."): value
            for name, value in response["responseParameters"].items()
        }
        checks.equal(f"the headers of OPTIONS {path}", headers, expected)
        declared = options["responses"][response["statusCode"]]["headers"]
        checks.equal(f"the declared headers of OPTIONS {path}", sorted(declared), sorted(expected))
        for name, declaration in declared.items():
            kind = "integer" if name == "Access-Control-Max-Age" else "string"
            checks.equal(f"the declaration of {name} of OPTIONS {path}", declaration, {"type": kind})


def public_functions(body):
    """Returns the logical ids of the functions that have a route without a credential."""
    functions = set()
    for methods in body["paths"].values():
        for method, operation in methods.items():
            if method != "options" and operation.get("security") in (None, [], [{"NONE": []}]):
                uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
                functions.add(re.search(rf"\$\{{(\w+){ALIAS}\}}", uri)[1])
    return functions


def with_invoked_functions(resources, functions):
    """Returns the logical ids `functions`, and those of the functions that these may invoke, directly or not."""
    found, added = set(), set(functions)
    while added:
        found |= added
        roles = [of_type(resources, "AWS::Lambda::Function")[name]["Role"]["Fn::GetAtt"][0] for name in added]
        policies = [policy for role in roles for policy in resources[role]["Properties"].get("Policies", [])]
        statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
        aliases = [one["Resource"]["Ref"] for one in statements if "lambda:InvokeFunction" in one["Action"]]
        added = {resources[alias]["Properties"]["FunctionName"]["Ref"] for alias in aliases} - found
    return found


def check_concurrency(checks, template, resources, body):
    """Checks that no caller without a credential can use up the concurrency that other functions need."""
    reserved = {}
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        value = function.get("ReservedConcurrentExecutions")
        try:
            condition, parameter = value["Fn::If"][0], value["Fn::If"][1]["Ref"]
            default = int(template["Parameters"][parameter]["Default"])
        except (KeyError, TypeError):
            checks.failures.append(f"{name}.ReservedConcurrentExecutions is not a parameter: {json.dumps(value)}")
            continue
        # Lambda never runs a function that has a reserved concurrency of 0, so 0 must mean that none is reserved.
        expected = {"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}
        checks.equal(f"{name}.ReservedConcurrentExecutions", value, expected)
        is_set = {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, 0]}]}
        checks.equal(f"the condition {condition}", template["Conditions"][condition], is_set)
        reserved[name] = default
    for name in sorted(with_invoked_functions(resources, public_functions(body) | {"AuthorizerFunction"})):
        if not reserved.get(name):
            checks.failures.append(f"strangers can cause invocations of {name}, which has no reserved concurrency")
    total = sum(reserved.values())
    if total > CONCURRENCY_QUOTA - UNRESERVED_CONCURRENCY:
        checks.failures.append(f"the defaults reserve {total}, which leaves less than {UNRESERVED_CONCURRENCY} unreserved")


def check_tracing(checks, file):
    """Checks that by default, no role allows to write traces: a caller could otherwise cause any number of them."""
    for value, mode, is_allowed in [("Disabled", None, False), ("Active", {"Mode": {"Ref": "Tracing"}}, True)]:
        resources = translate(file, {"Tracing": value})
        functions = of_type(resources, "AWS::Lambda::Function")
        for name, function in functions.items():
            checks.equal(f"{name}.TracingConfig with {value}", function.get("TracingConfig"), mode)
            role = json.dumps(resources[function["Role"]["Fn::GetAtt"][0]]).lower()
            checks.equal(f"the permission of {name} to write traces with {value}", "xray" in role, is_allowed)
    checks.equal("the default of Tracing", parse(file)["Parameters"]["Tracing"]["Default"], "Disabled")


def parameters_in(value, template):
    """Returns the parameters that a value of a template refers to, also in the conditions that it names."""
    if isinstance(value, list):
        return set().union(*(parameters_in(item, template) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(parameters_in(item, template) for item in value.values()))
    if "Ref" in value:
        found.add(value["Ref"])
    if "Fn::Sub" in value:
        text = value["Fn::Sub"]
        found |= set(re.findall(r"\$\{(\w+)\}", text if isinstance(text, str) else text[0]))
    if "Fn::If" in value:
        found |= parameters_in(template["Conditions"][value["Fn::If"][0]], template)
    if set(value) == {"Condition"}:
        found |= parameters_in(template["Conditions"][value["Condition"]], template)
    return found & set(template["Parameters"])


def max_description_length(description, template):
    """Returns the maximum length of the description of a version: of each variable in it, and of the text between them."""
    text, variables = description["Fn::Sub"], {}
    if isinstance(text, list):
        text, variables = text
    length = len(re.sub(r"\$\{\w+\}", "", text))
    for name in re.findall(r"\$\{(\w+)\}", text):
        value = variables.get(name, {"Ref": name})
        if "Fn::If" in value:
            length += max(len(choice) for choice in value["Fn::If"][1:])
        else:
            [parameter] = parameters_in(value, template)
            length += max_length(template["Parameters"][parameter])
    return length


def max_length(parameter):
    """Returns the maximum length of a parameter's value in a description, which contains only the name of a secret."""
    if parameter["Type"] == "Number":
        return len(str(parameter["MaxValue"]))
    if "AllowedValues" in parameter:
        return max(len(value) for value in parameter["AllowedValues"])
    # The largest repetition in the pattern limits a table's or a secret's name.
    return parameter.get("MaxLength") or max(map(int, re.findall(r",(\d+)\}", parameter["AllowedPattern"])))


def check_versions(checks, file):
    """Checks that requests reach the published versions of functions, and that each change of a function publishes one."""
    template = parse(file)
    resources = translate(file)
    functions = of_type(resources, "AWS::Lambda::Function")
    versions = of_type(resources, "AWS::Lambda::Version")
    aliases = of_type(resources, "AWS::Lambda::Alias")
    checks.equal("the number of versions", len(versions), len(functions))
    for name, function in functions.items():
        version = next((key for key, value in versions.items() if value["FunctionName"] == {"Ref": name}), None)
        alias = resources.get(name + ALIAS, {"Properties": {}})
        number = {"Fn::GetAtt": [version, "Version"]}
        selected = {"Name": "live", "FunctionName": {"Ref": name}, "FunctionVersion": number}
        checks.equal(name + ALIAS, alias["Properties"], selected)
        policy = alias.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        group = {"Ref": name + "DeploymentGroup"}
        checks.equal(f"the deployment group of {name}", policy.get("DeploymentGroupName"), group)
        checks.equal(f"{version}.DeletionPolicy", resources.get(version, {}).get("DeletionPolicy"), "Delete")
        # Lambda does not include the reserved concurrency in a version.
        versioned = {key: value for key, value in function.items() if key != "ReservedConcurrentExecutions"}
        description = versions.get(version, {}).get("Description")
        described = sorted(parameters_in(description, template))
        expected = sorted(parameters_in(versioned, template))
        checks.equal(f"the parameters in the VersionDescription of {name}", described, expected)
        # Lambda allows 256 characters.
        length = max_description_length(description, template)
        if length > 256:
            checks.failures.append(f"the VersionDescription of {name} may have {length} characters")

    # All invocations use an alias: those of routes, those of authorizers, and those of operators.
    for key, properties in of_type(resources, "AWS::Lambda::Permission").items():
        function = properties["FunctionName"]
        if function.get("Ref") not in aliases:
            checks.failures.append(f"{key} allows the invocation of {json.dumps(function)}, not of an alias")
    permissions = of_type(resources, "AWS::Lambda::Permission").values()
    permitted = {properties["FunctionName"].get("Ref", "") for properties in permissions}
    body = resources["Api"]["Properties"]["Body"]
    used = set()
    for methods in body["paths"].values():
        for operation in methods.values():
            integration = operation["x-amazon-apigateway-integration"]
            if integration["type"] == "aws_proxy":
                used |= set(re.findall(r"\$\{(\w+)\}", integration["uri"]["Fn::Sub"]))
    for scheme in body["securityDefinitions"].values():
        _, variables = scheme["x-amazon-apigateway-authorizer"]["authorizerUri"]["Fn::Sub"]
        used |= {value.get("Ref", "") for value in variables.values()}
    checks.equal("the functions that the API invokes", sorted(used), sorted(permitted))
    for output, alias in {"AuthorizerArn": "AuthorizerFunction", "OperatorFunctionName": "OperatorFunction"}.items():
        checks.equal(f"the output {output}", template["Outputs"][output]["Value"], {"Ref": alias + ".Alias"})

    # A changed property changes the logical id of the version, so that CloudFormation creates another version.
    for change in ({"Timeout": 9}, {"Environment": {"Variables": {"NEW": "value"}}}, {"CodeUri": "s3://bucket/other"}):
        changed = of_type(translate(file, change={"LoginFunction": change}), "AWS::Lambda::Version")
        new = [key for key in changed if key not in versions]
        checks.equal(f"the number of new versions after the change {change}", len(new), 1)


def check_event_sources(checks, resources):
    """Checks that streams invoke aliases of functions, that a record that fails is not lost silently, and that each role can read only
    the stream of its function and write only to its queue."""
    aliases = of_type(resources, "AWS::Lambda::Alias")
    for key, mapping in of_type(resources, "AWS::Lambda::EventSourceMapping").items():
        alias = mapping["FunctionName"].get("Ref")
        checks.equal(f"{key} invokes an alias", alias in aliases, True)
        checks.equal(f"{key}.FunctionResponseTypes", mapping.get("FunctionResponseTypes"), ["ReportBatchItemFailures"])
        checks.equal(f"{key}.BisectBatchOnFunctionError", mapping.get("BisectBatchOnFunctionError"), True)
        for limit in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds"):
            checks.equal(f"{key}.{limit} is finite", mapping.get(limit, -1) >= 0, True)
        [pattern] = mapping["FilterCriteria"]["Filters"]
        user_identity = {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}
        checks.equal(f"the principal of {key}", json.loads(pattern["Pattern"])["userIdentity"], user_identity)
        queue = mapping["DestinationConfig"]["OnFailure"]["Destination"]
        role = resources[resources[alias.removesuffix(ALIAS)]["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        managed = [arn for arn in role["ManagedPolicyArns"] if "AWSLambdaBasicExecutionRole" not in json.dumps(arn)]
        checks.equal(f"the managed policies of {alias}", managed, [])
        granted = {
            action: statement["Resource"]
            for policy in role["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in statement["Action"]
        }
        checks.equal(f"the queue that {alias} may write to", granted.get("sqs:SendMessage"), queue)
        existing = {"Fn::Sub": "${ExistingTableArn}/stream/*"}
        stream = {"Fn::If": ["CreatesTable", {"Fn::GetAtt": ["Table", "StreamArn"]}, existing]}
        for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"):
            checks.equal(f"the stream that {alias} may read", granted.get(f"dynamodb:{action}"), stream)
    for key, queue in of_type(resources, "AWS::SQS::Queue").items():
        checks.equal(f"{key}.SqsManagedSseEnabled", queue.get("SqsManagedSseEnabled"), True)


def check_deployment(checks, file):
    """Checks that each function is deployed gradually, and that each deployment rolls back on an alarm."""
    template = parse(file)
    for name in template["Parameters"]["DeploymentType"]["AllowedValues"]:
        resources = translate(file, {"DeploymentType": name})
        alarms = of_type(resources, "AWS::CloudWatch::Alarm")
        groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
        functions = of_type(resources, "AWS::Lambda::Function")
        checks.equal("the number of deployment groups", len(groups), len(functions))
        for key, group in groups.items():
            expected = {"Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": name}]}
            checks.equal(f"{key}.DeploymentConfigName", group["DeploymentConfigName"], expected)
            rollback = group["AutoRollbackConfiguration"]
            checks.equal(f"{key}.AutoRollbackConfiguration.Enabled", rollback["Enabled"], True)
            checks.equal(f"{key} rolls back on an alarm", "DEPLOYMENT_STOP_ON_ALARM" in rollback["Events"], True)
            watched = {"Enabled": True, "Alarms": [{"Name": {"Ref": alarm}} for alarm in ROLLBACK_ALARMS]}
            expected = {"Fn::If": ["RollsBack", watched, {}]}
            checks.equal(f"{key}.AlarmConfiguration", group.get("AlarmConfiguration"), expected)
        checks.equal("the missing alarms", [alarm for alarm in ROLLBACK_ALARMS if alarm not in alarms], [])


def check_authorizers(checks, body):
    """Checks that the results of authorizers are not cached: a cached result would outlive a revocation."""
    for name, scheme in body["securityDefinitions"].items():
        authorizer = scheme["x-amazon-apigateway-authorizer"]
        checks.equal(f"{name}.authorizerResultTtlInSeconds", authorizer["authorizerResultTtlInSeconds"], 0)
        checks.equal(f"{name}.identitySource", authorizer["identitySource"], "method.request.header.Authorization")


def check(file):
    """Returns the faults of a template."""
    checks = Checks()
    resources = translate(file)
    check_dependencies(checks, resources)
    check_stage(checks, resources, STAGES[file])
    apis = of_type(resources, "AWS::ApiGateway::RestApi")
    checks.equal("the APIs", sorted(apis), ["Api"])
    check_endpoints(checks, resources, apis["Api"])
    body = apis["Api"]["Body"]
    checks.equal("the OpenAPI version", body.get("openapi", body.get("swagger")), "2.0")
    if "swagger" in body:
        check_preflight(checks, body, PREFLIGHT if file == "template.yaml" else {})
        check_authorizers(checks, body)
        if file == "template.yaml":
            check_concurrency(checks, parse(file), resources, body)
            check_tracing(checks, file)
            check_versions(checks, file)
            check_event_sources(checks, resources)
            check_deployment(checks, file)
    return checks.failures


def main():
    # SAM warns about settings of its own that this module does not have.
    logging.disable(logging.WARNING)
    failures = [f"{file}: {failure}" for file in STAGES for failure in check(file)]
    if failures:
        sys.exit("\n".join(failures))
    print(f"{len(STAGES)} translated templates are as expected")


if __name__ == "__main__":
    main()
