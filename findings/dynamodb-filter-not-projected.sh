#!/usr/bin/env bash
# Three DynamoDB engines handle a filter on an attribute that an index does not project in three different ways.
#
# A good guess: A global secondary index with KEYS_ONLY contains only keys. So a filter on any other attribute matches no item,
# and `attribute_exists` is false for each item.
# Seen: DynamoDB Local 1.25.1 rejects the query and names the attribute. moto 5.2.5 returns no items. ministack 1.5.33 filters on
# the whole item behind the index, and returns all matching items without their other attributes.
# Why it matters: A query such as "the revoked keys of this account" works on one engine, silently returns nothing on the second,
# and fails on the third. A test of such a query needs an index that projects the attributes of the filter.
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

def left(name, endpoint):
    db = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    db.create_table(TableName="keys", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": x, "AttributeType": "S"} for x in ("pk", "account")],
                    GlobalSecondaryIndexes=[{"IndexName": "by-account", "KeySchema": [{"AttributeName": "account", "KeyType": "HASH"}],
                                             "Projection": {"ProjectionType": "KEYS_ONLY"}}])
    db.get_waiter("table_exists").wait(TableName="keys", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    for i in range(3):
        db.put_item(TableName="keys", Item={"pk": {"S": f"key_{i}"}, "account": {"S": "a"}, "revoked_at": {"N": "1"}})
    try:
        answer = db.query(TableName="keys", IndexName="by-account", KeyConditionExpression="account = :a",
                          FilterExpression="attribute_exists(revoked_at)", ExpressionAttributeValues={":a": {"S": "a"}})
        print(name, answer["Count"], "of", answer["ScannedCount"])
    except ClientError as error:
        print(name, error.response["Error"]["Code"] + ":", error.response["Error"]["Message"].split(": ", 1)[-1])

left("DynamoDB Local 1.25.1", f"http://127.0.0.1:{sys.argv[1]}")
with mock_aws():
    left("moto 5.2.5", None)
left("ministack 1.5.33", f"http://127.0.0.1:{sys.argv[2]}")
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 ValidationException: Secondary index by-account does not project one or more filter attributes: [revoked_at]
moto 5.2.5 0 of 3
ministack 1.5.33 3 of 3
END
v/bin/python probe.py "$A" "$B" > seen

grep -q '1\.25\.1' log
echo 'Three revoked keys of one account, by an index with KEYS_ONLY; expected by most: 0 of 3 from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
