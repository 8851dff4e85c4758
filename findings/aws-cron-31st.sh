#!/usr/bin/env bash
# A parser of AWS cron schedules returns runs on days that the schedule does not name, if a month has no 31st.
#
# A good guess: A day that a month does not have is skipped, as in every cron. So "0 12 31 * ? *" runs seven times a year, and "0
# 12 29 2 ? *" runs once in four years.
# Seen: aws-cron-parser 1.1.12 (120,000 downloads a month) returns 1 December, 3 March and 1 May for the first schedule. For the
# second, it returns 1 March in each year that has no 29 February. aws-croniter 2.1.1 skips these days, as AWS documents.
# Why it matters: An admin page may show when keys expire, when reminders are sent or when secrets rotate. With this parser it
# shows days on which nothing happens. The wrong days appear only after short months, so a test written in October does not notice
# them.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check aws-croniter==2.1.1
echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit aws-cron-parser@1.1.12

cat > probe.py <<'PY'
from datetime import datetime, timezone
from aws_croniter import AwsCroniter
for cron in ("0 12 31 * ? *", "0 12 29 2 ? *"):
    runs = AwsCroniter(cron).get_next(datetime(2026, 11, 1, tzinfo=timezone.utc), 4)
    print("aws-croniter 2.1.1", cron, *(run.strftime("%Y-%m-%d") for run in runs))
PY
cat > probe.cjs <<'JS'
const { parse, next } = require('aws-cron-parser');
for (const cron of ['0 12 31 * ? *', '0 12 29 2 ? *']) {
  const runs = [];
  for (let at = new Date('2026-11-01T00:00:00Z'); runs.length < 4; runs.push(at.toISOString().slice(0, 10))) at = next(parse(cron), at);
  console.log('aws-cron-parser 1.1.12', cron, ...runs);
}
JS
cat > stated <<'END'
aws-croniter 2.1.1 0 12 31 * ? * 2026-12-31 2027-01-31 2027-03-31 2027-05-31
aws-croniter 2.1.1 0 12 29 2 ? * 2028-02-29 2032-02-29 2036-02-29 2040-02-29
aws-cron-parser 1.1.12 0 12 31 * ? * 2026-12-01 2026-12-31 2027-01-31 2027-03-03
aws-cron-parser 1.1.12 0 12 29 2 ? * 2027-03-01 2028-02-29 2029-03-01 2030-03-01
END
{ v/bin/python probe.py; node probe.cjs; } > seen

echo 'The next four runs after 1 November 2026; expected by most: the same from both. Observed:'
cat seen
diff stated seen && echo 'As stated.'
