#!/usr/bin/env bash
# An emulator of DynamoDB removes expired items without a record in the table's stream, and also items that DynamoDB never removes.
#
# A good guess: Where UpdateTimeToLive and streams work, an expired item disappears after a while, and the stream then has a REMOVE record
# whose userIdentity is DynamoDB itself. Emulators differ only in how soon. DynamoDB removes no item whose attribute is not a number, or
# whose time is more than five years ago.
# Seen: moto 5.2.5 removes nothing. ministack 1.5.33 removes expired items within a minute, but the stream has only the records of the
# inserts. It also removes an item whose time is text, and one from six years ago. DynamoDB Local 1.25.1 behaves as guessed.
# Why it matters: What waits for the record, for example a reminder or an archive, is never called in these emulators, and a table that
# was filled with old times loses items that DynamoDB keeps.
set -euo pipefail
T=$(mktemp -d); PIDS=(); trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}"; rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check boto3==1.43.106 'moto[server,dynamodb]==5.2.5' ministack==1.5.33
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit amplify-dynamodb-simulator@2.9.30
read -r A B C <<< "$(python3 -c 'import socket; s = [socket.socket() for _ in "123"]; [x.bind(("127.0.0.1", 0)) for x in s]; print(*[x.getsockname()[1] for x in s])')"
(cd node_modules/amplify-dynamodb-simulator/emulator && exec java -Djava.library.path=DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -port "$A") > log 2>&1 & PIDS+=($!)
BIND_HOST=127.0.0.1 GATEWAY_PORT=$B IOT_MTLS_ENABLED=0 v/bin/ministack > ministack.log 2>&1 & PIDS+=($!)
v/bin/moto_server -p "$C" > moto.log 2>&1 & PIDS+=($!)
for port in $A $B $C; do for _ in $(seq 150); do (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.2; done; done

cat > probe.py <<'PY'
import sys, time
import boto3

def client(service, endpoint):
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")

def start(endpoint):
    db = client("dynamodb", endpoint)
    db.create_table(TableName="keys", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    db.get_waiter("table_exists").wait(TableName="keys", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    db.update_time_to_live(TableName="keys", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    now = int(time.time())
    hour_ago = now - 3600
    for pk, kind, ttl in (
        ("an hour ago", "N", hour_ago), ("with a fraction", "N", f"{hour_ago}.5"), ("as text", "S", hour_ago),
        ("six years ago", "N", now - 6 * 366 * 86400), ("in milliseconds", "N", hour_ago * 1000), ("in an hour", "N", now + 3600),
    ):
        db.put_item(TableName="keys", Item={"pk": {"S": pk}, "ttl": {kind: str(ttl)}})
    return db

def removals(endpoint, db):
    streams = client("dynamodbstreams", endpoint)
    arn = db.describe_table(TableName="keys")["Table"]["LatestStreamArn"]
    found = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        position = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        found += streams.get_records(ShardIterator=position["ShardIterator"])["Records"]
    by = lambda record: record.get("userIdentity", {}).get("PrincipalId", "nobody")
    removed = [record for record in found if record["eventName"] == "REMOVE"]
    inserted = sum(record["eventName"] == "INSERT" for record in found)
    return [f"{inserted} inserted"] + sorted(f"{record['dynamodb']['Keys']['pk']['S']} by {by(record)}" for record in removed)

engines = dict(zip(sys.argv[1::2], sys.argv[2::2]))
running = {name: start(url) for name, url in engines.items()}
time.sleep(150)
for name, db in running.items():
    print(f"{name} keeps", *sorted(item["pk"]["S"] for item in db.scan(TableName="keys")["Items"]), sep="; ")
    print(f"{name} records", *removals(engines[name], db), sep="; ")
PY
v/bin/python probe.py 'DynamoDB Local' "http://127.0.0.1:$A" ministack "http://127.0.0.1:$B" moto "http://127.0.0.1:$C" | tee seen
cat > expected <<'TXT'
DynamoDB Local keeps; as text; in an hour; in milliseconds; six years ago
DynamoDB Local records; 6 inserted; an hour ago by dynamodb.amazonaws.com; with a fraction by dynamodb.amazonaws.com
ministack keeps; in an hour; in milliseconds
ministack records; 6 inserted
moto keeps; an hour ago; as text; in an hour; in milliseconds; six years ago; with a fraction
moto records; 6 inserted
TXT
diff expected seen
