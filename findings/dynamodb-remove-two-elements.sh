#!/usr/bin/env bash
# Two of four DynamoDB engines remove the wrong element if one update removes two elements of a list.
#
# A good guess: An update expression refers to the item as it was before the update. So `REMOVE roles[1], roles[3]` removes the
# second and the fourth element. The manual says so, and every emulator does it.
# Seen: DynamoDB Local 1.25.1 and moto 5.2.5 turn a, b, c, d, e into a, c, e. ministack 1.5.33 and dynalite 4.0.0 remove the
# second element first, then the fourth of the remaining ones, and leave a, c, d. So "e" is missing, and "d", which should be
# removed, remains.
# Why it matters: Lists of permissions, addresses or factors are edited in this way. On such an engine, a test passes with an
# expression that allows for the shift and is wrong on AWS, and it fails with the correct expression.
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
import sys, time, boto3
from moto import mock_aws

def left(name, endpoint):
    db = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    db.create_table(TableName="members", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    db.get_waiter("table_exists").wait(TableName="members", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    key = {"pk": {"S": "ada"}}
    db.put_item(TableName="members", Item={**key, "l": {"L": [{"S": x} for x in "abcde"]}})
    db.update_item(TableName="members", Key=key, UpdateExpression="REMOVE l[1], l[3]")
    print(name, *[x["S"] for x in db.get_item(TableName="members", Key=key)["Item"]["l"]["L"]])

left("DynamoDB Local 1.25.1", f"http://127.0.0.1:{sys.argv[1]}")
with mock_aws():
    left("moto 5.2.5", None)
left("ministack 1.5.33", f"http://127.0.0.1:{sys.argv[2]}")
left("dynalite 4.0.0", f"http://127.0.0.1:{sys.argv[3]}")
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 a c e
moto 5.2.5 a c e
ministack 1.5.33 a c d
dynalite 4.0.0 a c d
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo 'a b c d e after REMOVE l[1], l[3]; expected by most: a c e from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
