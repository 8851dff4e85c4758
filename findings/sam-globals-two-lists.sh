#!/usr/bin/env bash
# cfn-lint uses SAM's own translator, but rejects four properties in Globals that this translator accepts and applies.
#
# A good guess: cfn-lint depends on aws-sam-translator and translates the template with it, so both accept the same in Globals.
# Seen: cfn-lint 1.58.0 with aws-sam-translator 1.115.0 has its own list. It reports E3724 for AutoPublishAliasAllProperties,
# CodeSigningConfigArn, FileSystemConfigs and FunctionUrlConfig in Globals, which the translator copies to each function. It accepts
# the same values in the function. Both reject AutoPublishCodeSha256 in Globals.
# Why it matters: A valid template fails in a check before deployment. The message suggests that the property does not belong in
# Globals, so it is copied to each function and forgotten in the next one.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check cfn-lint==1.58.0 aws-sam-translator==1.115.0

cat > probe.py <<'PY'
import copy, json, subprocess, sys
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

class NoManagedPolicies:
    def load(self):
        return {}

def lint(template):
    with open("template.json", "w") as file:
        json.dump(template, file)
    found = json.loads(subprocess.run(["v/bin/cfn-lint", "--format", "json", "template.json"], capture_output=True, text=True).stdout or "[]")
    return " ".join(sorted(f["Rule"]["Id"] for f in found)) or "accepts"

def translate(template):
    try:
        transform(copy.deepcopy(template), {}, NoManagedPolicies())
        return "accepts"
    except InvalidDocumentException:
        return "rejects"

values = {
    "MemorySize": 256,
    "AutoPublishAliasAllProperties": True,
    "CodeSigningConfigArn": "arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-0123456789abcdef0",
    "FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-0123456789abcdef0", "LocalMountPath": "/mnt/keys"}],
    "FunctionUrlConfig": {"AuthType": "AWS_IAM"},
    "AutoPublishCodeSha256": "0" * 64,
}
for name, value in values.items():
    in_globals = {"AWSTemplateFormatVersion": "2010-09-09", "Transform": "AWS::Serverless-2016-10-31",
                  "Globals": {"Function": {"AutoPublishAlias": "live"}},
                  "Resources": {"Keys": {"Type": "AWS::Serverless::Function", "Properties": {
                      "Handler": "app.handler", "Runtime": "python3.13", "CodeUri": "s3://example-bucket/app.zip",
                      "VpcConfig": {"SecurityGroupIds": ["sg-0123456789abcdef0"], "SubnetIds": ["subnet-0123456789abcdef0"]}}}}}
    in_function = copy.deepcopy(in_globals)
    in_globals["Globals"]["Function"][name] = value
    in_function["Resources"]["Keys"]["Properties"][name] = value
    print(name, "| in the function:", lint(in_function), "| in Globals: translator", translate(in_globals), "cfn-lint", lint(in_globals))
PY
cat > stated <<'END'
MemorySize | in the function: accepts | in Globals: translator accepts cfn-lint accepts
AutoPublishAliasAllProperties | in the function: accepts | in Globals: translator accepts cfn-lint E3724
CodeSigningConfigArn | in the function: accepts | in Globals: translator accepts cfn-lint E3724
FileSystemConfigs | in the function: accepts | in Globals: translator accepts cfn-lint E3724
FunctionUrlConfig | in the function: accepts | in Globals: translator accepts cfn-lint E3724
AutoPublishCodeSha256 | in the function: accepts | in Globals: translator rejects cfn-lint E3724
END
AWS_DEFAULT_REGION=us-east-1 v/bin/python probe.py > seen 2> errors

echo 'Properties of a function in a SAM template; expected by most: cfn-lint accepts what the translator accepts. Observed:'
cat seen
diff stated seen && echo 'As stated.'
