#!/usr/bin/env bash
# moto delivers no event if the pattern of a rule matches an array of objects, and it reports no error.
#
# A good guess: A rule on detail.changes.field matches an event whose changes are [{field: ...}, {field: ...}]. EventBridge
# matches an array if one of its elements matches, and so does every emulator that supports patterns.
# Seen: moto 5.2.5 matches an array of strings, and supports `$or`, wildcard and anything-but. It never matches an array of
# objects, so the queue stays empty. ministack 1.5.33 matches it, and requires that one element meets both of two conditions.
# Why it matters: Lists of changes, resources and recipients are arrays of objects. A test that expects no message passes for a
# rule that does match on EventBridge. A test that expects a message fails, and leads developers to flatten events that were
# correct.
set -euo pipefail
T=$(mktemp -d); P=; trap '[ -z "$P" ] || kill "$P"; rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check boto3==1.43.106 'moto[events,sqs]==5.2.5' ministack==1.5.33
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
BIND_HOST=127.0.0.1 GATEWAY_PORT=$PORT IOT_MTLS_ENABLED=0 v/bin/ministack > log 2>&1 & P=$!
for _ in $(seq 150); do (exec 3<> "/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && break; sleep 0.2; done

cat > probe.py <<'PY'
import json, sys, time, boto3
from moto import mock_aws

CASES = [
    ("an array of strings", {"fields": ["permissions"]}, {"fields": ["name", "permissions"]}),
    ("an array of objects", {"changes": {"field": ["permissions"]}}, {"changes": [{"field": "name"}, {"field": "permissions"}]}),
    ("two conditions, one element each", {"changes": {"field": ["permissions"], "by": ["ada"]}},
     {"changes": [{"field": "name", "by": "ada"}, {"field": "permissions", "by": "bob"}]}),
]

def delivered(name, endpoint):
    client = lambda service: boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    events, sqs = client("events"), client("sqs")
    for i, (what, pattern, detail) in enumerate(CASES):
        queue = sqs.create_queue(QueueName=f"queue-{i}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=f"rule-{i}", EventPattern=json.dumps({"source": [f"com.example.{i}"], "detail": pattern}))
        events.put_targets(Rule=f"rule-{i}", Targets=[{"Id": "1", "Arn": arn}])
        events.put_events(Entries=[{"Source": f"com.example.{i}", "DetailType": "KeyChanged", "Detail": json.dumps(detail)}])
        time.sleep(0.5)
        print(name, what + ":", len(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])))

with mock_aws():
    delivered("moto 5.2.5", None)
delivered("ministack 1.5.33", f"http://127.0.0.1:{sys.argv[1]}")
PY
cat > stated <<'END'
moto 5.2.5 an array of strings: 1
moto 5.2.5 an array of objects: 0
moto 5.2.5 two conditions, one element each: 0
ministack 1.5.33 an array of strings: 1
ministack 1.5.33 an array of objects: 1
ministack 1.5.33 two conditions, one element each: 0
END
v/bin/python probe.py "$PORT" > seen

echo 'Events that reach the queue; expected by most: 1, 1 and 0 from both. Observed:'
cat seen
diff stated seen && echo 'As stated.'
