#!/usr/bin/env bash
# In one DynamoDB engine, 2 equals 2.0 as an attribute of its own, but not inside a map or a list.
#
# A good guess: Equality compares the values of numbers at every depth, because the engine normalizes each number that it receives.
# Seen: DynamoDB Local 1.25.1, moto 5.2.5 and ministack 1.5.33 find all three. dynalite 4.0.0 finds only the attribute, and stores
# both nested numbers as 2.
# Why it matters: A condition such as "the policy is still the one that I read" compares a map. If a client writes its numbers
# differently, the condition fails in tests, and the client seems to have lost a race.
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
    db.put_item(TableName="leases", Item={**key("1"), "number": {"N": "2"}, "map": {"M": {"n": {"N": "2"}}}, "list": {"L": [{"N": "2"}]}})
    two = {"number": {"N": "2.0"}, "map": {"M": {"n": {"N": "2.0"}}}, "list": {"L": [{"N": "2.0"}]}}
    found = [attribute for attribute, value in two.items()
             if db.query(TableName="leases", KeyConditionExpression="pk = :p", FilterExpression="#a = :v", ExpressionAttributeNames={"#a": attribute},
                         ExpressionAttributeValues={":p": {"S": "key_1"}, ":v": value})["Count"]]
    print(name, *found)

probe("DynamoDB Local 1.25.1", table(f"http://127.0.0.1:{sys.argv[1]}"))
with mock_aws():
    probe("moto 5.2.5", table(None))
probe("ministack 1.5.33", table(f"http://127.0.0.1:{sys.argv[2]}"))
probe("dynalite 4.0.0", table(f"http://127.0.0.1:{sys.argv[3]}"))
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 number map list
moto 5.2.5 number map list
ministack 1.5.33 number map list
dynalite 4.0.0 number
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo 'The attributes that equal 2.0, although 2 was stored; expected by most: number map list, from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
