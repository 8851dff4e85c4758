#!/usr/bin/env bash
# Two emulators restore a table to a point in time with the items of now, whatever time is asked for, although they restore backups right.
#
# A good guess: RestoreTableToPointInTime returns the items as they were at RestoreDateTime, or the emulator rejects the operation, as
# some do. It is rejected if point-in-time recovery is off, or if the time is before the table was created.
# Seen: moto 5.2.5 and ministack 1.5.33 copy the current items in all these cases, also for a time years before the table. A restored
# backup has the old item in both. DynamoDB Local 1.25.1 and dynalite 4.0.0 do not know the operation.
# Why it matters: A test of a restore procedure passes, even if recovery was never enabled or the time is in the wrong time zone. It
# also cannot show what a restore does in production: a key that was revoked after that time is valid again.
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
import datetime, sys, time
import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

def client(endpoint):
    return boto3.client("dynamodb", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")

def probe(name, db):
    db.create_table(TableName="keys", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    db.get_waiter("table_exists").wait(TableName="keys", WaiterConfig={"Delay": 1, "MaxAttempts": 20})

    def attempt(operation, **arguments):
        try:
            result = getattr(db, operation)(**arguments)
        except ClientError as error:
            return error.response["Error"]["Code"]
        target = arguments.get("TargetTableName")
        return result if target is None else db.get_item(TableName=target, Key={"pk": {"S": "key_1"}})["Item"]["state"]["S"]

    def restore(target, **point):
        return attempt("restore_table_to_point_in_time", SourceTableName="keys", TargetTableName=target, **point)

    db.put_item(TableName="keys", Item={"pk": {"S": "key_1"}, "state": {"S": "active"}})
    backup = attempt("create_backup", TableName="keys", BackupName="before")
    time.sleep(1.5)
    then = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(1.5)
    db.put_item(TableName="keys", Item={"pk": {"S": "key_1"}, "state": {"S": "revoked"}})
    off = restore("off", RestoreDateTime=then)
    attempt("update_continuous_backups", TableName="keys", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    print(name, "| recovery is off:", off, "| then:", restore("then", RestoreDateTime=then),
          "| in 2020:", restore("2020", RestoreDateTime=datetime.datetime(2020, 1, 1)), "| backup:", backup if isinstance(backup, str)
          else attempt("restore_table_from_backup", BackupArn=backup["BackupDetails"]["BackupArn"], TargetTableName="from-backup"))

probe("DynamoDB Local 1.25.1", client(f"http://127.0.0.1:{sys.argv[1]}"))
with mock_aws():
    probe("moto 5.2.5", client(None))
probe("ministack 1.5.33", client(f"http://127.0.0.1:{sys.argv[2]}"))
probe("dynalite 4.0.0", client(f"http://127.0.0.1:{sys.argv[3]}"))
PY
cat > stated <<'END'
DynamoDB Local 1.25.1 | recovery is off: UnknownOperationException | then: UnknownOperationException | in 2020: UnknownOperationException | backup: UnknownOperationException
moto 5.2.5 | recovery is off: revoked | then: revoked | in 2020: revoked | backup: active
ministack 1.5.33 | recovery is off: revoked | then: revoked | in 2020: revoked | backup: active
dynalite 4.0.0 | recovery is off: UnknownOperationException | then: UnknownOperationException | in 2020: UnknownOperationException | backup: UnknownOperationException
END
v/bin/python probe.py "$A" "$B" "$C" > seen

grep -q '1\.25\.1' log
echo 'The key was revoked after "then"; expected by most: an error, active, an error, and active from the backup, or only errors. Observed:'
cat seen
diff stated seen && echo 'As stated.'
