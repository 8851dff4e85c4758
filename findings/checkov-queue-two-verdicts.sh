#!/usr/bin/env bash
# A check of checkov has two verdicts on the same queue: with a key of SQS, it is encrypted in Terraform and not in CloudFormation.
#
# A good guess: A check with one id and one name means the same in each language that it supports, so a queue that is encrypted in one of
# them is encrypted in the other. A queue that states nothing is encrypted too: SQS does that by default since 2022
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-sqs-sse-queue.html).
# Seen: CKV_AWS_27 of checkov 3.3.30, "Ensure all data stored in the SQS queue is encrypted". In CloudFormation, only a KMS key passes: the
# queue with SqsManagedSseEnabled fails as the one that switches it off does. In Terraform, it passes. In both, the default fails.
# Why it matters: Teams with both languages skip the check or buy a KMS key to silence it, and then nothing finds the queue whose encryption
# is switched off.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check checkov==3.3.30

cat > queues.yaml <<'YAML'
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  ByKms:
    Type: AWS::SQS::Queue
    Properties: { KmsMasterKeyId: alias/aws/sqs }
  BySqs:
    Type: AWS::SQS::Queue
    Properties: { SqsManagedSseEnabled: true }
  ByDefault:
    Type: AWS::SQS::Queue
    Properties: { QueueName: reminders }
  NotEncrypted:
    Type: AWS::SQS::Queue
    Properties: { SqsManagedSseEnabled: false }
YAML
cat > queues.tf <<'TF'
resource "aws_sqs_queue" "ByKms" {
  kms_master_key_id = "alias/aws/sqs"
}
resource "aws_sqs_queue" "BySqs" {
  sqs_managed_sse_enabled = true
}
resource "aws_sqs_queue" "ByDefault" {
  name = "reminders"
}
resource "aws_sqs_queue" "NotEncrypted" {
  sqs_managed_sse_enabled = false
}
TF
for file in queues.yaml queues.tf; do
  v/bin/checkov --file "$file" --check CKV_AWS_27 --output json --soft-fail --skip-download > report.json 2> log
  v/bin/python - "$file" <<'PY'
import json, sys

report = json.load(open("report.json"))
(name,) = {check["check_name"] for kind in ("passed", "failed") for check in report["results"][f"{kind}_checks"]}
for kind in ("passed", "failed"):
    queues = sorted(check["resource"].split(".")[-1].removeprefix("Queue.") for check in report["results"][f"{kind}_checks"])
    print(sys.argv[1], kind, *queues)
assert name == "Ensure all data stored in the SQS queue is encrypted", name
PY
done | tee seen
cat > expected <<'TXT'
queues.yaml passed ByKms
queues.yaml failed ByDefault BySqs NotEncrypted
queues.tf passed ByKms BySqs
queues.tf failed ByDefault NotEncrypted
TXT
diff expected seen
