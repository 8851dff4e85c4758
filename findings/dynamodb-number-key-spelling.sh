#!/usr/bin/env bash
# One emulator finds an item by the number 1.0 with Query, but not with GetItem, and UpdateItem then discards the item's attributes.
#
# A good guess: A number key has one value, however it is written. DynamoDB stores 1.0 as 1, so every operation finds the item.
# Seen: DynamoDB Local 1.25.1, moto 5.2.5 and dynalite 4.0.0 do so. ministack 1.5.33 stores 1, and Query finds it by 1.0. GetItem
# by 1.0 returns nothing. UpdateItem by 1.0 writes to the item with the key 1, and the attribute that it had is gone.
# Why it matters: Python's Decimal("1.0") and a serialized f64 are sent as 1.0. A counter that is kept for each window then looks
# new at every request in a test, although it never is in production.
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
from moto import mock_aws

def table(endpoint):
    db = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    db.create_table(TableName="leases", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}])
    db.get_waiter("table_exists").wait(TableName="leases", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return db

def key(number):
    return {"pk": {"S": "key_1"}, "sk": {"N": number}}

def probe(name, db):
    db.put_item(TableName="leases", Item={**key("1"), "used": {"N": "7"}})
    found = "found" if "Item" in db.get_item(TableName="leases", Key=key("1.0")) else "nothing"
    queried = db.query(TableName="leases", KeyConditionExpression="pk = :p AND sk = :s",
                       ExpressionAttributeValues={":p": {"S": "key_1"}, ":s": {"N": "1.0"}})["Count"]
    after = db.update_item(TableName="leases", Key=key("1.0"), UpdateExpression="SET seen = :yes",
                           ExpressionAttributeValues={":yes": {"BOOL": True}}, ReturnValues="ALL_NEW")["Attributes"]
    print(name, "get:", found, "query:", queried, "after the update:", *sorted(after))

probe("DynamoDB Local 1.25.1", table(f"http://127.0.0.1:{sys.argv[1]}"))
with mock_aws():
    probe("moto 5.2.5", table(None))
probe("ministack 1.5.33", table(f"http://127.0.0.1:{sys.argv[2]}"))
probe("dynalite 4.0.0", table(f"http://127.0.0.1:{sys.argv[3]}"))
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 get: found query: 1 after the update: pk seen sk used
moto 5.2.5 get: found query: 1 after the update: pk seen sk used
ministack 1.5.33 get: nothing query: 1 after the update: pk seen sk
dynalite 4.0.0 get: found query: 1 after the update: pk seen sk used
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo 'An item with the number 1 as its sort key, addressed as 1.0; expected by most: get: found query: 1, and used is still there. Observed:'
cat seen
diff stated seen && echo 'As stated.'
