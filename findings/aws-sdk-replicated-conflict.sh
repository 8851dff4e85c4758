#!/usr/bin/env bash
# By default, boto3 does not repeat a write conflict of a global table, which its own other modes and the JavaScript SDK repeat.
#
# A good guess: Retry rules come from the service's model, which all SDKs share. So the same error is repeated by all of them or by none,
# and a transaction that DynamoDB cancelled only because of throttling is repeated like any throttled request.
# Seen: boto3 1.43.106 sends a request once in its default mode, "legacy", if the response is ReplicatedWriteConflictException. In its modes
# "standard" and "adaptive" and in @aws-sdk/client-dynamodb 3.1169.0, it is sent three times. TransactionInProgressException is sent three
# times by all. A transaction that was cancelled because of throttling is sent once by all.
# Why it matters: Code in Python needs another mode or its own loop for such a conflict, and code in both languages needs a loop for
# throttled transactions. Without it, writes fail in exactly those seconds in which the table is busy.
set -euo pipefail
T=$(mktemp -d); PIDS=(); trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}"; rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check boto3==1.43.106
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @aws-sdk/client-dynamodb@3.1169.0

cat > server.py <<'PY'
import http.server, json, sys

class Server(http.server.BaseHTTPRequestHandler):
    """Returns the error that the request's table is named after, and counts the requests since the last GET."""
    protocol_version = "HTTP/1.1"
    requests = 0

    def respond(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        Server.requests += 1
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        error = request.get("TableName") or request["TransactItems"][0]["Put"]["TableName"]
        body = {"__type": f"com.amazonaws.dynamodb.v20120810#{error}", "message": "example"}
        if error == "TransactionCanceledException":
            body["CancellationReasons"] = [{"Code": "ThrottlingError", "Message": "example"}]
        self.respond(400, json.dumps(body).encode())

    def do_GET(self):
        count, Server.requests = Server.requests, 0
        self.respond(200, str(count).encode())

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat > probe.py <<'PY'
import sys, urllib.request
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

url = f"http://127.0.0.1:{sys.argv[1]}"
for mode in ("legacy", "standard", "adaptive"):
    db = boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x",
                      config=Config(retries={"mode": mode, "total_max_attempts": 3}))
    for error in ("ReplicatedWriteConflictException", "TransactionInProgressException", "TransactionCanceledException"):
        put = {"TableName": error, "Item": {"pk": {"S": "key_1"}}}
        try:
            db.transact_write_items(TransactItems=[{"Put": put}]) if error.startswith("Transaction") else db.put_item(**put)
        except ClientError:
            print("boto3", mode, error, urllib.request.urlopen(url).read().decode())
PY
cat > probe.mjs <<'JS'
import { DynamoDBClient, PutItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
const url = `http://127.0.0.1:${process.argv[2]}`;
const db = new DynamoDBClient({ endpoint: url, region: 'us-east-1', credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x' }, maxAttempts: 3 });
for (const error of ['ReplicatedWriteConflictException', 'TransactionInProgressException', 'TransactionCanceledException']) {
  const Put = { TableName: error, Item: { pk: { S: 'key_1' } } };
  try {
    await db.send(error.startsWith('Transaction') ? new TransactWriteItemsCommand({ TransactItems: [{ Put }] }) : new PutItemCommand(Put));
  } catch {
    console.log('JavaScript', error, await (await fetch(url)).text());
  }
}
JS
cat > stated <<'END'
boto3 legacy ReplicatedWriteConflictException 1
boto3 legacy TransactionInProgressException 3
boto3 legacy TransactionCanceledException 1
boto3 standard ReplicatedWriteConflictException 3
boto3 standard TransactionInProgressException 3
boto3 standard TransactionCanceledException 1
boto3 adaptive ReplicatedWriteConflictException 3
boto3 adaptive TransactionInProgressException 3
boto3 adaptive TransactionCanceledException 1
JavaScript ReplicatedWriteConflictException 3
JavaScript TransactionInProgressException 3
JavaScript TransactionCanceledException 1
END
v/bin/python server.py > port & PIDS+=($!)
for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done
{ v/bin/python probe.py "$(cat port)"; node probe.mjs "$(cat port)" 2> errors; } > seen

echo 'How often a request with this error is sent; expected by most: 3 for each. Observed:'
cat seen
diff stated seen && echo 'As stated.'
