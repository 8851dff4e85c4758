#!/usr/bin/env bash
# Some DynamoDB engines delete 1.0 from a number set that contains 1. Others delete nothing, without an error.
#
# A good guess: Numbers are compared by value. An engine for which `contains(versions, 1.0)` is true also deletes the 1.
# Seen: DynamoDB Local 1.25.1 and dynalite 4.0.0 find the 1 and delete it. moto 5.2.5 finds it, but leaves it in the set.
# ministack 1.5.33 does neither. None of them reports an error.
# Why it matters: A client in Python or Rust sends Decimal("1.0") or 1.0f64 as 1.0 or as 1, depending on its library. If a version
# or a scope is removed from a set in this way, it stays in the set on some of these engines.
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

def left(name, endpoint):
    db = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    db.create_table(TableName="keys", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    db.get_waiter("table_exists").wait(TableName="keys", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    key = {"pk": {"S": "key_1"}}
    db.put_item(TableName="keys", Item={**key, "versions": {"NS": ["1", "2"]}})
    found = db.query(TableName="keys", KeyConditionExpression="pk = :k", FilterExpression="contains(versions, :v)",
                     ExpressionAttributeValues={":k": key["pk"], ":v": {"N": "1.0"}})["Count"]
    db.update_item(TableName="keys", Key=key, UpdateExpression="DELETE versions :v", ExpressionAttributeValues={":v": {"NS": ["1.0"]}})
    print(name, "found" if found else "not found,", "left", *sorted(db.get_item(TableName="keys", Key=key)["Item"]["versions"]["NS"]))

left("DynamoDB Local 1.25.1", f"http://127.0.0.1:{sys.argv[1]}")
with mock_aws():
    left("moto 5.2.5", None)
left("ministack 1.5.33", f"http://127.0.0.1:{sys.argv[2]}")
left("dynalite 4.0.0", f"http://127.0.0.1:{sys.argv[3]}")
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 found left 2
moto 5.2.5 found left 1 2
ministack 1.5.33 not found, left 1 2
dynalite 4.0.0 found left 2
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo '1 and 2, after 1.0 was looked for and deleted; expected by most: found, left 2, from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
