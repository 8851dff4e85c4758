#!/usr/bin/env bash
# SAM's AutoPublishAliasAllProperties publishes no new version if a parameter's value changes, and together with a code hash none at all.
#
# A good guess: With this property set, a change of any property of the function publishes a new version, as its documentation states.
# A parameter is replaced by its value first, as in CodeUri. A hash in AutoPublishCodeSha256 is one more reason to publish.
# Seen: aws-sam-translator 1.115.0 hashes the properties with {"Ref": "Level"} in them. A new value of the parameter changes the
# function, but the version keeps its logical id, so the alias stays at the old version. A literal value and CodeUri do publish. If
# AutoPublishCodeSha256 is set, only this hash counts: a new literal environment variable, and even a new CodeUri, publishes nothing.
# Why it matters: Settings are usually passed as parameters. A deployment with a new log level or switch then succeeds, and the alias
# still runs with the old settings.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check aws-sam-translator==1.115.0

cat > probe.py <<'PY'
from samtranslator.translator.transform import transform

class NoManagedPolicies:
    def load(self):
        return {}

def version(name, value, by_parameter, more):
    """Returns the logical id of the version that SAM generates."""
    written = {"Ref": "Level"} if by_parameter else value
    properties = {"Handler": "app.handler", "Runtime": "python3.13", "CodeUri": {"Bucket": "example-bucket", "Key": "app.zip"},
                  "AutoPublishAlias": "live", **more}
    if name == "Environment":
        properties[name] = {"Variables": {"LEVEL": written}}
    elif name == "CodeUri":
        properties[name]["Key"] = written
    else:
        properties[name] = written
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Transform": "AWS::Serverless-2016-10-31",
                "Parameters": {"Level": {"Type": "String"}}, "Resources": {"Keys": {"Type": "AWS::Serverless::Function", "Properties": properties}}}
    resources = transform(template, {"Level": value}, NoManagedPolicies())["Resources"]
    return next(key for key, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version")

every = {"AutoPublishAliasAllProperties": True}
for title, more in (("all properties", every), ("all properties and a code hash", {**every, "AutoPublishCodeSha256": "0" * 64})):
    for name in ("Environment", "Timeout", "CodeUri"):
        for by_parameter in (False, True):
            same = version(name, "10", by_parameter, more) == version(name, "20", by_parameter, more)
            print(title, "|", name, "by parameter" if by_parameter else "literal", "|", "no new version" if same else "new version")
PY
cat > stated <<'END'
all properties | Environment literal | new version
all properties | Environment by parameter | no new version
all properties | Timeout literal | new version
all properties | Timeout by parameter | no new version
all properties | CodeUri literal | new version
all properties | CodeUri by parameter | new version
all properties and a code hash | Environment literal | no new version
all properties and a code hash | Environment by parameter | no new version
all properties and a code hash | Timeout literal | no new version
all properties and a code hash | Timeout by parameter | no new version
all properties and a code hash | CodeUri literal | no new version
all properties and a code hash | CodeUri by parameter | no new version
END
AWS_DEFAULT_REGION=us-east-1 v/bin/python probe.py > seen 2> errors

echo 'A property is changed; expected by most: a new version each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
