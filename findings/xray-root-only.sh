#!/usr/bin/env bash
# OpenTelemetry's propagators for AWS X-Ray ignore the trace header as a load balancer or API Gateway adds it.
#
# A good guess: X-Amzn-Trace-Id: Root=1-... is valid without Parent and Sampled, and this is what the service in front of a function adds
# if the client sent no header. The propagator continues that trace. JavaScript's and Python's editions read the same headers.
# Seen: @opentelemetry/propagator-aws-xray 2.2.0 (npm) and opentelemetry-propagator-aws-xray 1.0.2 (PyPI) find no trace in a header
# without Parent, whether or not it has Sampled, and report nothing. If only Sampled is missing, Python's edition continues the trace and
# JavaScript's does not. AWS's own aws-xray-sdk-core 3.12.0 reads the trace from all four headers.
# Why it matters: The spans of the service get a new trace id, so the id in the access log of API Gateway or in a customer's report
# finds nothing. A test that sends a complete header shows connected traces.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @opentelemetry/api@1.9.1 @opentelemetry/propagator-aws-xray@2.2.0 aws-xray-sdk-core@3.12.0
python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check opentelemetry-api==1.45.2 opentelemetry-propagator-aws-xray==1.0.2

cat > headers.json <<'END'
["Root=1-67891233-abcdef012345678912345678",
 "Root=1-67891233-abcdef012345678912345678;Sampled=1",
 "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8",
 "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"]
END
cat > probe.cjs <<'JS'
const { ROOT_CONTEXT, defaultTextMapGetter, trace } = require('@opentelemetry/api');
const { AWSXRayPropagator } = require('@opentelemetry/propagator-aws-xray');
const { utils } = require('aws-xray-sdk-core');
for (const header of require('./headers.json')) {
  const context = new AWSXRayPropagator().extract(ROOT_CONTEXT, { 'x-amzn-trace-id': header }, defaultTextMapGetter);
  console.log(`JavaScript | ${header} | ${trace.getSpanContext(context)?.traceId ?? 'none'}`);
  console.log(`X-Ray SDK | ${header} | ${utils.processTraceData(header).root?.replaceAll('-', '').slice(1) ?? 'none'}`);
}
JS
cat > probe.py <<'PY'
import json
from opentelemetry import trace
from opentelemetry.propagators.aws import AwsXRayPropagator
for header in json.load(open("headers.json")):
    context = AwsXRayPropagator().extract({"X-Amzn-Trace-Id": header})
    found = trace.get_current_span(context).get_span_context()
    print(f"Python | {header} | {format(found.trace_id, '032x') if found.is_valid else 'none'}")
PY
cat > stated <<'END'
JavaScript | Root=1-67891233-abcdef012345678912345678 | none
JavaScript | Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8 | none
JavaScript | Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1 | 67891233abcdef012345678912345678
JavaScript | Root=1-67891233-abcdef012345678912345678;Sampled=1 | none
Python | Root=1-67891233-abcdef012345678912345678 | none
Python | Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8 | 67891233abcdef012345678912345678
Python | Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1 | 67891233abcdef012345678912345678
Python | Root=1-67891233-abcdef012345678912345678;Sampled=1 | none
X-Ray SDK | Root=1-67891233-abcdef012345678912345678 | 67891233abcdef012345678912345678
X-Ray SDK | Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8 | 67891233abcdef012345678912345678
X-Ray SDK | Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1 | 67891233abcdef012345678912345678
X-Ray SDK | Root=1-67891233-abcdef012345678912345678;Sampled=1 | 67891233abcdef012345678912345678
END
(node probe.cjs; v/bin/python probe.py) | LC_ALL=C sort > seen

echo 'The trace that is continued for four headers; expected by most: 67891233... in all lines. Observed:'
cat seen
diff stated seen && echo 'As stated.'
