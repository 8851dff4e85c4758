#!/usr/bin/env bash
# Three DynamoDB engines answer a PartiQL INSERT for an existing key in three ways, and only one raises the exception of the manual.
#
# A good guess: INSERT never replaces an item, which is how it differs from PutItem. The error is DuplicateItemException, as the manual of
# ExecuteStatement says, so `except client.exceptions.DuplicateItemException` works everywhere.
# Seen: ministack 1.5.33 raises it. AWS's own DynamoDB Local 1.25.1 sends the code DuplicateItem, which boto3 1.43.106 does not recognize,
# so that only the general ClientError can be caught. moto 5.2.5 reports success and replaces the item without keeping its other attributes.
# Why it matters: INSERT is used to create something once: a user for an address, a key for an id, a record for a repeated request. The
# code that handles "already exists" is not executed in a test on two of these engines, and on one of them the first item is lost.
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

def insert(name, endpoint):
    db = boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    db.create_table(TableName="users", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "email", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "email", "AttributeType": "S"}])
    db.get_waiter("table_exists").wait(TableName="users", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    db.execute_statement(Statement="INSERT INTO users VALUE {'email': 'ada@example.com', 'id': 'first', 'role': 'admin'}")
    try:
        db.execute_statement(Statement="INSERT INTO users VALUE {'email': 'ada@example.com', 'id': 'second'}")
        result = "success"
    except db.exceptions.DuplicateItemException:
        result = "DuplicateItemException"
    except ClientError as error:
        result = f"ClientError {error.response['Error']['Code']}"
    item = db.get_item(TableName="users", Key={"email": {"S": "ada@example.com"}})["Item"]
    print(name, "|", result, "|", *[item[field]["S"] for field in ("id", "role") if field in item])

insert("DynamoDB Local 1.25.1", f"http://127.0.0.1:{sys.argv[1]}")
with mock_aws():
    insert("moto 5.2.5", None)
insert("ministack 1.5.33", f"http://127.0.0.1:{sys.argv[2]}")
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 | ClientError DuplicateItem | first admin
moto 5.2.5 | success | second
ministack 1.5.33 | DuplicateItemException | first admin
END
v/bin/python probe.py "$A" "$B" > seen

grep -q '1\.25\.1' log
echo 'The second INSERT with one key; expected by most: DuplicateItemException, and the item stays "first admin". Observed:'
cat seen
diff stated seen && echo 'As stated.'
