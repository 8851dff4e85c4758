#!/usr/bin/env bash
# An emulator's alarm on one function fires because of another function's errors, although the same metric's statistics are separate.
#
# A good guess: A metric is identified by its namespace, name and dimensions. An alarm on the function "keys" sees only the data of
# "keys", and an emulator that evaluates alarms at all filters the data as its own GetMetricStatistics does.
# Seen: ministack 1.5.33 evaluates alarms, but takes the data of all dimensions. The alarm on "keys" changes from INSUFFICIENT_DATA to
# ALARM when "rotate" has errors, while GetMetricStatistics for "keys" returns nothing. Then the alarm stays in this state: 60 requests
# without an error in "keys" do not change it. moto 5.2.5 never evaluates an alarm: it is OK from its creation, without any data.
# Why it matters: A test of an alarm passes even if the dimension is misspelt, because any function's error triggers it. In production
# such an alarm never fires. With the other emulator, a test that waits for ALARM waits in vain.
set -euo pipefail
T=$(mktemp -d); PIDS=(); trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}"; rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check boto3==1.43.106 'moto[cloudwatch]==5.2.5' ministack==1.5.33
P=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
BIND_HOST=127.0.0.1 GATEWAY_PORT=$P IOT_MTLS_ENABLED=0 v/bin/ministack > ministack.log 2>&1 & PIDS+=($!)
for _ in $(seq 150); do (exec 3<> "/dev/tcp/127.0.0.1/$P") 2>/dev/null && break; sleep 0.2; done

cat > probe.py <<'PY'
import datetime, sys
import boto3
from moto import mock_aws

def cloudwatch(endpoint):
    return boto3.client("cloudwatch", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")

def probe(name, cw):
    now = datetime.datetime.now(datetime.timezone.utc)
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
    keys, rotate = ([{"Name": "FunctionName", "Value": value}] for value in ("keys", "rotate"))
    cw.put_metric_alarm(AlarmName="keys-errors", **metric, Dimensions=keys, Statistic="Sum", Period=60, EvaluationPeriods=1,
                        Threshold=5, ComparisonOperator="GreaterThanOrEqualToThreshold")

    def put(dimensions, value, times=1):
        cw.put_metric_data(Namespace="AWS/Lambda", MetricData=[
            {"MetricName": "Errors", "Dimensions": dimensions, "Value": value, "Timestamp": now} for _ in range(times)])

    def state():
        return cw.describe_alarms(AlarmNames=["keys-errors"])["MetricAlarms"][0]["StateValue"]

    before = state()
    put(rotate, 5)
    after = state()
    points = cw.get_metric_statistics(**metric, Dimensions=keys, StartTime=now - datetime.timedelta(minutes=5),
                                      EndTime=now + datetime.timedelta(minutes=5), Period=60, Statistics=["Sum"])["Datapoints"]
    print(name, "without data:", before, "rotate has 5 errors:", after, "points of keys:", len(points), end=" ")
    put(keys, 0, 60)
    print("keys has 60 requests without errors:", state(), end=" ")
    put(keys, 5)
    print("keys has 5 errors:", state())

probe("ministack 1.5.33", cloudwatch(f"http://127.0.0.1:{sys.argv[1]}"))
with mock_aws():
    probe("moto 5.2.5", cloudwatch(None))
PY
cat > stated <<'END'
ministack 1.5.33 without data: INSUFFICIENT_DATA rotate has 5 errors: ALARM points of keys: 0 keys has 60 requests without errors: ALARM keys has 5 errors: ALARM
moto 5.2.5 without data: OK rotate has 5 errors: OK points of keys: 0 keys has 60 requests without errors: OK keys has 5 errors: OK
END
v/bin/python probe.py "$P" > seen

echo 'State of the alarm on "keys"; expected by most: INSUFFICIENT_DATA, INSUFFICIENT_DATA, OK, and ALARM at the end. Observed:'
cat seen
diff stated seen && echo 'As stated.'
