#!/usr/bin/env bash
# Three DynamoDB engines report a transaction whose update cannot be computed in two ways, also if another condition fails.
#
# A good guess: A transaction that fails by what the items contain is a TransactionCanceledException with one reason per operation:
# ConditionalCheckFailed for a condition, ValidationError for an update that cannot be computed, such as `n + 1` without `n`.
# Seen: ministack 1.5.33 does that. DynamoDB Local 1.25.1, which AWS publishes, and moto 5.2.5 answer with a ValidationException for
# the whole request and without reasons. They do so also if a condition of the same transaction fails, so the caller does not learn
# of the failed condition.
# Why it matters: Code that reads the reasons to tell a conflict from a fault takes a lost race for a malformed request. If an item
# was deleted meanwhile, `SET n = n + :one` gets a different error from a condition. `if_not_exists(n, :zero)` avoids it on all three.
set -euo pipefail
T=$(mktemp -d); PIDS=(); trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}"; rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check boto3==1.43.106 'moto[dynamodb]==5.2.5' ministack==1.5.33
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit amplify-dynamodb-simulator@2.9.30
read -r A B <<< "$(python3 -c 'import socket; s = [socket.socket() for _ in "12"]; [x.bind(("127.0.0.1", 0)) for x in s]; print(*[x.getsockname()[1] for x in s])')"
(cd node_modules/amplify-dynamodb-simulator/emulator && exec java -Djava.library.path=DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -port "$A") > log 2>&1 & PIDS+=($!)
BIND_HOST=127.0.0.1 GATEWAY_PORT=$B IOT_MTLS_ENABLED=0 v/bin/ministack > ministack.log 2>&1 & PIDS+=($!)
for port in $A $B; do for _ in $(seq 150); do (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.2; done; done

cat > probe.py <<'PY'
import sys, boto3
from botocore.exceptions import ClientError
from moto import mock_aws

KEY = {"pk": {"S": "ada"}}

def table(endpoint):
    db = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    db.create_table(TableName="members", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    db.get_waiter("table_exists").wait(TableName="members", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return db

SUBTRACT = "SET seats = seats - :one"
TAKEN = {"Delete": {"TableName": "members", "Key": KEY, "ConditionExpression": "attribute_not_exists(pk)"}}

def update(expression, **values):
    values = {":one": {"N": "1"}, **values}
    return {"Update": {"TableName": "members", "Key": {"pk": {"S": "bob"}}, "UpdateExpression": expression, "ExpressionAttributeValues": values}}

def see(name, endpoint):
    db = table(endpoint)
    db.put_item(TableName="members", Item=KEY)
    safe = update("SET seats = if_not_exists(seats, :zero) - :one", **{":zero": {"N": "0"}})
    for label, operations in (("update", [update(SUBTRACT)]), ("condition, update", [TAKEN, update(SUBTRACT)]), ("condition, safe", [TAKEN, safe])):
        try:
            db.transact_write_items(TransactItems=operations)
        except ClientError as error:
            print(f"{name}, {label}:", error.response["Error"]["Code"], *[x["Code"] for x in error.response.get("CancellationReasons", [])])

see("DynamoDB Local 1.25.1", f"http://127.0.0.1:{sys.argv[1]}")
with mock_aws():
    see("moto 5.2.5", None)
see("ministack 1.5.33", f"http://127.0.0.1:{sys.argv[2]}")
PY
cat > stated <<'END'
DynamoDB Local 1.25.1, update: ValidationException
DynamoDB Local 1.25.1, condition, update: ValidationException
DynamoDB Local 1.25.1, condition, safe: TransactionCanceledException ConditionalCheckFailed None
moto 5.2.5, update: ValidationException
moto 5.2.5, condition, update: ValidationException
moto 5.2.5, condition, safe: TransactionCanceledException ConditionalCheckFailed None
ministack 1.5.33, update: TransactionCanceledException ValidationError
ministack 1.5.33, condition, update: TransactionCanceledException ConditionalCheckFailed ValidationError
ministack 1.5.33, condition, safe: TransactionCanceledException ConditionalCheckFailed None
END
v/bin/python probe.py "$A" "$B" > seen

grep -q '1\.25\.1' log
echo 'An update that cannot be computed; expected by most: TransactionCanceledException each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
