#!/usr/bin/env bash
# An emulator computes an alarm's statistic over all evaluation periods together, so one bad minute triggers an alarm that requires three.
#
# A good guess: The statistic belongs to a period. With 3 evaluation periods of 60 seconds, 3 points are computed, and the alarm fires
# if 3 of them (or as many as DatapointsToAlarm states) breach the threshold.
# Seen: ministack 1.5.33 computes one value over all 180 seconds and ignores DatapointsToAlarm. A sum of 1 in each of three minutes
# breaches a threshold of 3, and a maximum of 100, 0 and 0 breaches a threshold of 100. In the other direction, 2 requests in each minute
# do not breach "fewer than 3 requests". GetMetricStatistics returns the right values for each minute.
# Why it matters: EvaluationPeriods is raised so that a single spike does not wake anyone. A test with this emulator shows the
# opposite: the more periods, the sooner a sum fires, and the later an alarm about missing traffic.
set -euo pipefail
T=$(mktemp -d); PIDS=(); trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}"; rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check boto3==1.43.106 ministack==1.5.33
P=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
BIND_HOST=127.0.0.1 GATEWAY_PORT=$P IOT_MTLS_ENABLED=0 v/bin/ministack > ministack.log 2>&1 & PIDS+=($!)
for _ in $(seq 150); do (exec 3<> "/dev/tcp/127.0.0.1/$P") 2>/dev/null && break; sleep 0.2; done

cat > probe.py <<'PY'
import datetime, sys
import boto3

cw = boto3.client("cloudwatch", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name="us-east-1",
                  aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
now = datetime.datetime.now(datetime.timezone.utc)

def probe(name, statistic, operator, threshold, values):
    """Writes one value into each of the last three minutes, the oldest first."""
    cw.put_metric_alarm(AlarmName=name, Namespace="Example", MetricName=name, Statistic=statistic, Period=60, EvaluationPeriods=3,
                        DatapointsToAlarm=3, Threshold=threshold, ComparisonOperator=operator)
    cw.put_metric_data(Namespace="Example", MetricData=[
        {"MetricName": name, "Value": value, "Timestamp": now - datetime.timedelta(seconds=age)}
        for value, age in zip(values, (150, 90, 30))])
    points = cw.get_metric_statistics(Namespace="Example", MetricName=name, StartTime=now - datetime.timedelta(minutes=5), EndTime=now,
                                      Period=60, Statistics=[statistic])["Datapoints"]
    alarm = cw.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    print(statistic, operator, threshold, "periods", *(f"{p[statistic]:g}" for p in sorted(points, key=lambda p: p["Timestamp"])),
          alarm["StateValue"])

probe("few-errors", "Sum", "GreaterThanOrEqualToThreshold", 3, (1, 1, 1))
probe("one-spike", "Maximum", "GreaterThanOrEqualToThreshold", 100, (100, 0, 0))
probe("little-traffic", "Sum", "LessThanThreshold", 3, (2, 2, 2))
PY
cat > stated <<'END'
Sum GreaterThanOrEqualToThreshold 3 periods 1 1 1 ALARM
Maximum GreaterThanOrEqualToThreshold 100 periods 100 0 0 ALARM
Sum LessThanThreshold 3 periods 2 2 2 OK
END
v/bin/python probe.py "$P" > seen

echo 'Alarms that require 3 of 3 periods; expected by most: OK, OK, ALARM. Observed:'
cat seen
diff stated seen && echo 'As stated.'
