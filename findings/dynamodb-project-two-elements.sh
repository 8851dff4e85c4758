#!/usr/bin/env bash
# A projection of two elements of a list returns only one of them from one of four DynamoDB engines.
#
# A good guess: `ProjectionExpression` with `devices[1], devices[3]` returns a list of these two elements, in the order of the list, as it
# returns two entries of a map. This is a read, so little can go wrong.
# Seen: DynamoDB Local 1.25.1, ministack 1.5.33 and dynalite 4.0.0 return b, d, in whichever order the paths are written. moto 5.2.5
# returns only the element whose path is written last: d, or b with the paths in reverse. It returns both entries of a map.
# Why it matters: moto is what most Python tests of DynamoDB use. Such a test sees a shorter list, without an error, and a check of
# "is this device among those that were read" fails only there.
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
    item = {**KEY, "devices": {"L": [{"S": x} for x in "abcd"]}, "usage": {"M": {"today": {"N": "1"}, "earlier": {"N": "40"}}}}
    db.put_item(TableName="members", Item=item)
    for paths in ("devices[1], devices[3]", "devices[3], devices[1]"):
        answer = db.get_item(TableName="members", Key=KEY, ProjectionExpression=paths + ", #u.earlier, #u.today",
                             ExpressionAttributeNames={"#u": "usage"})["Item"]
        print(f"{name}, {paths}:", *[x["S"] for x in answer["devices"]["L"]], "and", *sorted(answer["usage"]["M"]))

see("DynamoDB Local 1.25.1", f"http://127.0.0.1:{sys.argv[1]}")
with mock_aws():
    see("moto 5.2.5", None)
see("ministack 1.5.33", f"http://127.0.0.1:{sys.argv[2]}")
see("dynalite 4.0.0", f"http://127.0.0.1:{sys.argv[3]}")
PY
cat > stated <<'END'
DynamoDB Local 1.25.1, devices[1], devices[3]: b d and earlier today
DynamoDB Local 1.25.1, devices[3], devices[1]: b d and earlier today
moto 5.2.5, devices[1], devices[3]: d and earlier today
moto 5.2.5, devices[3], devices[1]: b and earlier today
ministack 1.5.33, devices[1], devices[3]: b d and earlier today
ministack 1.5.33, devices[3], devices[1]: b d and earlier today
dynalite 4.0.0, devices[1], devices[3]: b d and earlier today
dynalite 4.0.0, devices[3], devices[1]: b d and earlier today
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo 'Two elements of a, b, c, d and two entries of a map; expected by most: b d and earlier today each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
