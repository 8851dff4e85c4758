#!/usr/bin/env bash
# The AWS SDK for JavaScript reads a valid time with a leap second as a time one year earlier.
#
# A good guess: A leap second at the end of a year is rejected, or it becomes midnight on 1 January of the next year.
# Seen: The client of @aws-sdk/client-sts 3.1162.0 reads 2016-12-31T23:59:60Z as 2016-01-01T00:00:00Z, 366 days too early, without
# an error. It reads the leap second at the end of a June as 1 July. boto3 1.43.106 rejects the whole response in both cases.
# Why it matters: RFC 3339 allows leap seconds, and credentials and keys often expire at the last second of a year. An API or
# emulator whose responses are read by AWS SDKs must not send a leap second. With one SDK the credentials seem to have expired a
# year ago, and with the other the call fails.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check boto3==1.43.106
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @aws-sdk/client-sts@3.1162.0 2>/dev/null

cat > ask.py <<'PY'
import sys, boto3
sts = boto3.client("sts", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
try:
    answer = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/example", RoleSessionName="example")
    print(answer["Credentials"]["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"))
except ValueError:
    print("refused")
PY
cat > ask.mjs <<'JS'
import { createServer } from 'node:http';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { STSClient, AssumeRoleCommand } from '@aws-sdk/client-sts';

let expiration;
const server = createServer((request, response) => request.resume().on('end', () => response.setHeader('content-type', 'text/xml').end(
  `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
   <AccessKeyId>AKIDEXAMPLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken>
   <Expiration>${expiration}</Expiration></Credentials></AssumeRoleResult>
   <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>`)));
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const endpoint = `http://127.0.0.1:${server.address().port}`;
const sts = new STSClient({ region: 'us-east-1', endpoint, credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x' } });
for (expiration of ['2016-12-31T23:59:59Z', '2016-12-31T23:59:60Z', '2015-06-30T23:59:60Z']) {
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::123456789012:role/example', RoleSessionName: 'example' }));
  const python = await promisify(execFile)('v/bin/python', ['ask.py', endpoint]);
  console.log(`${expiration} @aws-sdk/client-sts ${Credentials.Expiration.toISOString().replace('.000', '')} boto3 ${python.stdout.trim()}`);
}
server.close();
JS
cat > stated <<'END'
2016-12-31T23:59:59Z @aws-sdk/client-sts 2016-12-31T23:59:59Z boto3 2016-12-31T23:59:59Z
2016-12-31T23:59:60Z @aws-sdk/client-sts 2016-01-01T00:00:00Z boto3 refused
2015-06-30T23:59:60Z @aws-sdk/client-sts 2015-07-01T00:00:00Z boto3 refused
END
node ask.mjs > seen 2>/dev/null

echo '@aws-sdk/client-sts 3.1162.0, boto3 1.43.106; expected by most: 2017-01-01T00:00:00Z or a refusal, from both. Observed:'
cat seen
diff stated seen && echo 'As stated.'
