#!/usr/bin/env bash
# A BETWEEN that ends before it begins is an error if its limits are values of the request, and is false if they are attributes.
#
# A good guess: x BETWEEN a AND b means x >= a AND x <= b, so reversed limits match nothing, as in SQL.
# Seen: DynamoDB Local 1.25.1, ministack 1.5.33 and dynalite 4.0.0 reject the request if both limits are values, in a key condition and
# in a filter, before they read an item. If the limits are attributes of the item, the same comparison is false. moto 5.2.5 returns no
# items in all three cases.
# Why it matters: A list API that passes since and until to a BETWEEN answers an empty interval with an internal error, and tests with
# moto do not show it.
set -euo pipefail
T=$(mktemp -d); PIDS=(); trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}"; rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check boto3==1.43.106 'moto[dynamodb]==5.2.5' ministack==1.5.33
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit amplify-dynamodb-simulator@2.9.30 dynalite@4.0.0
read -r A B C <<< "$(python3 -c 'import socket; s = [socket.socket() for _ in "123"]; [x.bind(("127.0.0.1", 0)) for x in s]; print(*[x.getsockname()[1] for x in s])')"
(cd node_modules/amplify-dynamodb-simulator/emulator && exec java -Djava.library.path=DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -port "$A") > log 2>&1 & PIDS+=($!)
BIND_HOST=127.0.0.1 GATEWAY_PORT=$B IOT_MTLS_ENABLED=0 v/bin/ministack > ministack.log 2>&1 & PIDS+=($!)
node node_modules/dynalite/cli.js --host 127.0.0.1 --port "$C" > dynalite.log 2>&1 & PIDS+=($!)
for port in $A $B $C; do for _ in $(seq 150); do (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.2; done; done

cat > probe.py <<'PY'
import sys, boto3
from botocore.exceptions import ClientError
from moto import mock_aws

def table(endpoint):
    db = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    db.create_table(TableName="events", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}])
    db.get_waiter("table_exists").wait(TableName="events", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    for day in range(1, 7):
        db.put_item(TableName="events", Item={"pk": {"S": "trail"}, "sk": {"S": f"day{day}"}, "n": {"N": str(day)}, "from": {"N": "5"}, "to": {"N": "2"}})
    return db

def probe(name, db):
    values = {":a": {"S": "day5"}, ":b": {"S": "day2"}}
    numbers = {":a": {"N": "5"}, ":b": {"N": "2"}}
    attributes = {"#from": "from", "#to": "to"}
    for kind, request in (
        ("key condition", dict(KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :b", ExpressionAttributeValues=values)),
        ("filter with values", dict(KeyConditionExpression="pk = :p", FilterExpression="n BETWEEN :a AND :b", ExpressionAttributeValues=numbers)),
        ("filter with attributes", dict(KeyConditionExpression="pk = :p", FilterExpression="n BETWEEN #from AND #to", ExpressionAttributeNames=attributes, ExpressionAttributeValues={})),
    ):
        request["ExpressionAttributeValues"] = {":p": {"S": "trail"}, **request["ExpressionAttributeValues"]}
        try:
            print(name, "|", kind, "|", db.query(TableName="events", **request)["Count"])
        except ClientError as error:
            print(name, "|", kind, "|", error.response["Error"]["Code"])

probe("DynamoDB Local 1.25.1", table(f"http://127.0.0.1:{sys.argv[1]}"))
with mock_aws():
    probe("moto 5.2.5", table(None))
probe("ministack 1.5.33", table(f"http://127.0.0.1:{sys.argv[2]}"))
probe("dynalite 4.0.0", table(f"http://127.0.0.1:{sys.argv[3]}"))
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 | key condition | ValidationException
DynamoDB Local 1.25.1 | filter with values | ValidationException
DynamoDB Local 1.25.1 | filter with attributes | 0
moto 5.2.5 | key condition | 0
moto 5.2.5 | filter with values | 0
moto 5.2.5 | filter with attributes | 0
ministack 1.5.33 | key condition | ValidationException
ministack 1.5.33 | filter with values | ValidationException
ministack 1.5.33 | filter with attributes | 0
dynalite 4.0.0 | key condition | ValidationException
dynalite 4.0.0 | filter with values | ValidationException
dynalite 4.0.0 | filter with attributes | 0
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo 'Days 1 to 6 between 5 and 2; expected by most: 0 each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
