#!/usr/bin/env bash
# Powertools for Python silently turns milliseconds into seconds, whereas its TypeScript edition throws an error.
#
# A good guess: The two editions of one toolkit follow one specification of the log format. A metric with a second unit is
# rejected, or written separately.
# Seen: aws-lambda-powertools 3.37.0 (Python) accepts 250 Milliseconds and then 2 Seconds for one metric, and writes both values
# with the last unit: 250 s and 2 s. @aws-lambda-powertools/metrics 2.36.0 throws an error at the second value.
# Why it matters: If two parts of a function record the same latency in different units, some values are wrong by a factor of a
# thousand. An alarm fires, or does not fire, and the log shows no reason. Code that is ported from one edition to the other
# changes its behaviour.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check aws-lambda-powertools==3.37.0
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @aws-lambda-powertools/metrics@2.36.0

cat > probe.py <<'PY'
import contextlib, io, json
from aws_lambda_powertools.metrics import Metrics, MetricUnit
log, metrics = io.StringIO(), Metrics(namespace="Example", service="example")
with contextlib.redirect_stdout(log):
    metrics.add_metric("Latency", MetricUnit.Milliseconds, 250)
    metrics.add_metric("Latency", MetricUnit.Seconds, 2)
    metrics.flush_metrics()
for line in map(json.loads, log.getvalue().splitlines()):
    print("Python 3.37.0", *(m["Unit"] for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]), line["Latency"])
PY
cat > probe.mjs <<'JS'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
const metrics = new Metrics({ namespace: 'Example', serviceName: 'example' });
metrics.addMetric('Latency', MetricUnit.Milliseconds, 250);
try {
  metrics.addMetric('Latency', MetricUnit.Seconds, 2);
  console.log('TypeScript 2.36.0 takes it');
} catch (error) {
  console.log('TypeScript 2.36.0', error.message.split('. ')[0]);
}
metrics.clearMetrics();
JS
cat > stated <<'END'
Python 3.37.0 Seconds [250.0, 2.0]
TypeScript 2.36.0 Metric "Latency" has already been added with unit "Milliseconds", but we received unit "Seconds"
END
{ v/bin/python probe.py; node probe.mjs; } > seen

echo 'Latency of 250 Milliseconds, then of 2 Seconds; expected by most: both refuse, or both keep the two units. Observed:'
cat seen
diff stated seen && echo 'As stated.'
