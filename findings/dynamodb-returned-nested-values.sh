#!/usr/bin/env bash
# Four DynamoDB engines return four different things for an update of one nested value.
#
# A good guess: `ReturnValues` with UPDATED_NEW or UPDATED_OLD returns only what the expression names. So after `SET usage.today = …`
# the answer has `today` and no other entry of the map, and of a list only the elements that were set.
# Seen: dynalite 4.0.0 does that. DynamoDB Local 1.25.1, which AWS publishes, returns the whole map and the whole list. ministack
# 1.5.33 returns the part of the map, but the whole list. moto 5.2.5 returns the whole map as it was before, but only the part of
# the map as it is now.
# Why it matters: A counter in a map is often read from the answer to its update. Code that takes the only entry, or index 0 of the
# list, works on one engine and reads another member's value on the next. Name each entry, or keep counters at the top level.
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

KEY = {"pk": {"S": "ada"}}

def table(endpoint):
    db = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    db.create_table(TableName="members", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    db.get_waiter("table_exists").wait(TableName="members", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return db

def see(name, endpoint):
    db = table(endpoint)
    for values in ("UPDATED_OLD", "UPDATED_NEW"):
        item = {**KEY, "usage": {"M": {"total": {"N": "40"}, "today": {"N": "1"}}}, "days": {"L": [{"N": x} for x in "789"]}}
        db.put_item(TableName="members", Item=item)
        answer = db.update_item(TableName="members", Key=KEY, UpdateExpression="SET #u.today = :v, days[1] = :v", ReturnValues=values,
                                ExpressionAttributeNames={"#u": "usage"}, ExpressionAttributeValues={":v": {"N": "2"}})["Attributes"]
        print(f"{name}, {values}:", {k: v["N"] for k, v in sorted(answer["usage"]["M"].items())}, [x["N"] for x in answer["days"]["L"]])

see("DynamoDB Local 1.25.1", f"http://127.0.0.1:{sys.argv[1]}")
with mock_aws():
    see("moto 5.2.5", None)
see("ministack 1.5.33", f"http://127.0.0.1:{sys.argv[2]}")
see("dynalite 4.0.0", f"http://127.0.0.1:{sys.argv[3]}")
PY
cat > stated <<'END'
DynamoDB Local 1.25.1, UPDATED_OLD: {'today': '1', 'total': '40'} ['7', '8', '9']
DynamoDB Local 1.25.1, UPDATED_NEW: {'today': '2', 'total': '40'} ['7', '2', '9']
moto 5.2.5, UPDATED_OLD: {'today': '1', 'total': '40'} ['7', '8', '9']
moto 5.2.5, UPDATED_NEW: {'today': '2'} ['7', '2', '9']
ministack 1.5.33, UPDATED_OLD: {'today': '1'} ['7', '8', '9']
ministack 1.5.33, UPDATED_NEW: {'today': '2'} ['7', '2', '9']
dynalite 4.0.0, UPDATED_OLD: {'today': '1'} ['8']
dynalite 4.0.0, UPDATED_NEW: {'today': '2'} ['2']
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo 'SET usage.today = 2, days[1] = 2; expected by most: today and one day from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
