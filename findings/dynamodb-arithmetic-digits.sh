#!/usr/bin/env bash
# Some DynamoDB engines add with 28 digits instead of 38, and round the sum without an error.
#
# A good guess: Numbers have 38 digits of precision everywhere. A sum that fits is exact, and one that does not fit is an error.
# Seen: DynamoDB Local 1.25.1 and dynalite 4.0.0 add 1 to 10^30 exactly. ministack 1.5.33 returns 10^30, as if nothing had been
# added. moto 5.2.5 is exact for whole numbers, but rounds a sum with a fraction to 28 digits and returns it with an exponent.
# Why it matters: 28 is the default precision of Python's decimal module, in which both are written. A test of a large counter or of
# amounts with fractions sees an update that succeeds and changes nothing.
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
    sums = []
    for number, added in (("1" + "0" * 30, "1"), ("1" + "0" * 30, "0.5")):
        db.put_item(TableName="leases", Item={**key("1"), "amount": {"N": number}})
        sums.append(db.update_item(TableName="leases", Key=key("1"), UpdateExpression="ADD amount :n", ExpressionAttributeValues={":n": {"N": added}},
                                   ReturnValues="UPDATED_NEW")["Attributes"]["amount"]["N"])
    print(name, *sums)

probe("DynamoDB Local 1.25.1", table(f"http://127.0.0.1:{sys.argv[1]}"))
with mock_aws():
    probe("moto 5.2.5", table(None))
probe("ministack 1.5.33", table(f"http://127.0.0.1:{sys.argv[2]}"))
probe("dynalite 4.0.0", table(f"http://127.0.0.1:{sys.argv[3]}"))
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 1000000000000000000000000000001 1000000000000000000000000000000.5
moto 5.2.5 1000000000000000000000000000001 1.000000000000000000000000000E+30
ministack 1.5.33 1000000000000000000000000000000 1000000000000000000000000000000
dynalite 4.0.0 1000000000000000000000000000001 1000000000000000000000000000000.5
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo '10^30 plus 1, and 10^30 plus 0.5; expected by most: the exact sums, from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
