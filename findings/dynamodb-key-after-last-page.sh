#!/usr/bin/env bash
# If Limit is exactly the number of matching items, it depends on the engine and on the kind of range whether there is a next key.
#
# A good guess: A Query that stops at its Limit always returns a LastEvaluatedKey, so the reader asks once more and gets an empty page.
# Seen: DynamoDB Local 1.25.1 does so for a whole partition, but not for a BETWEEN with an item at its end. moto 5.2.5 does the
# opposite. ministack 1.5.33 and dynalite 4.0.0 return a key in both cases.
# Why it matters: A list API turns the key into next_cursor. A test that expects a last page without a cursor, or the number of Query
# calls for a whole list, holds with one engine and not with another, and for one filter and not for another.
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
    for kind, condition, names, limit in (("partition", "pk = :p", {}, 6), ("range", "pk = :p AND sk BETWEEN :a AND :b", {":a": {"S": "day2"}, ":b": {"S": "day4"}}, 3)):
        page = db.query(TableName="events", KeyConditionExpression=condition, ExpressionAttributeValues={":p": {"S": "trail"}, **names}, Limit=limit)
        print(name, kind, page["Count"], page.get("LastEvaluatedKey", {}).get("sk", {}).get("S", "no key"))

probe("DynamoDB Local 1.25.1", table(f"http://127.0.0.1:{sys.argv[1]}"))
with mock_aws():
    probe("moto 5.2.5", table(None))
probe("ministack 1.5.33", table(f"http://127.0.0.1:{sys.argv[2]}"))
probe("dynalite 4.0.0", table(f"http://127.0.0.1:{sys.argv[3]}"))
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 partition 6 day6
DynamoDB Local 1.25.1 range 3 no key
moto 5.2.5 partition 6 no key
moto 5.2.5 range 3 day4
ministack 1.5.33 partition 6 day6
ministack 1.5.33 range 3 day4
dynalite 4.0.0 partition 6 day6
dynalite 4.0.0 range 3 day4
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo 'All items of a partition and of a range, with a Limit of their number; expected by most: a key each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
