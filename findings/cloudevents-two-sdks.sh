#!/usr/bin/env bash
# A subject with a space and the value true arrive changed if CloudEvents' Python SDK sends an event to its JavaScript SDK.
#
# A good guess: Two official SDKs of one specification understand each other. In binary mode, a space in a header field is written as %20
# and read as a space (HTTP binding, section 3.1.3.2), and data with the type application/json is JSON, so true is sent as true.
# Seen: cloudevents 2.2.0 (PyPI) writes %20, and cloudevents 10.0.0 (npm) neither writes nor decodes it: the subject is "key%20of%20Ada". The
# Python SDK writes the data true as True, which is not JSON, and both SDKs then read it as the text "True". In the other direction, the
# subject survives, but time loses its microseconds. In structured mode, subject and data are right, and only the time is shortened.
# Why it matters: Consumers of audit events filter and group by subject, and use time to order events or to recognize repeated ones. The
# same event has two subjects, depending on the mode in which it was sent.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit cloudevents@10.0.0
python3 -m venv v && v/bin/pip install --quiet --no-compile --disable-pip-version-check cloudevents==2.2.0

cat > js.cjs <<'JS'
const { readFileSync, writeFileSync } = require('node:fs');
const { CloudEvent, HTTP } = require('cloudevents');
if (process.argv[2] === 'write') {
  const event = new CloudEvent({
    id: '1', source: 'https://api.example.com', type: 'key.created', subject: 'key of Ada', time: '2026-01-01T00:00:00.123456Z',
    datacontenttype: 'application/json', data: { current: true },
  });
  writeFileSync('from-js.json', JSON.stringify({ binary: HTTP.binary(event), structured: HTTP.structured(event) }));
} else {
  for (const [mode, message] of Object.entries(JSON.parse(readFileSync('from-python.json')))) {
    const event = HTTP.toEvent(message);
    console.log(`Python to JavaScript | ${mode} | ${event.subject} | ${event.time} | ${JSON.stringify(event.data)}`);
  }
}
JS
cat > py.py <<'PY'
import datetime, json, sys
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
if sys.argv[1] == "write":
    def message(convert, data):
        event = CloudEvent({"id": "1", "source": "https://api.example.com", "type": "key.created", "specversion": "1.0", "subject": "key of Ada",
                            "time": datetime.datetime(2026, 1, 1, 0, 0, 0, 123456, datetime.timezone.utc), "datacontenttype": "application/json"}, data)
        sent = convert(event)
        return {"headers": sent.headers, "body": sent.body.decode()}
    json.dump({f"{mode} {json.dumps(data)}": message(convert, data) for mode, convert in (("binary", to_binary_event), ("structured", to_structured_event))
               for data in ({"current": True}, True)}, open("from-python.json", "w"))
else:
    for direction, file in (("JavaScript to Python", "from-js.json"), ("Python to Python", "from-python.json")):
        for mode, message in json.load(open(file)).items():
            event = from_http_event(HTTPMessage(headers=message["headers"], body=message["body"].encode()))
            print(direction, mode, event.get_subject(), event.get_time().isoformat(), json.dumps(event.get_data()), sep=" | ")
PY
cat > stated <<'END'
JavaScript to Python | binary | key of Ada | 2026-01-01T00:00:00.123000+00:00 | {"current": true}
JavaScript to Python | structured | key of Ada | 2026-01-01T00:00:00.123000+00:00 | {"current": true}
Python to Python | binary {"current": true} | key of Ada | 2026-01-01T00:00:00.123456+00:00 | {"current": true}
Python to Python | binary true | key of Ada | 2026-01-01T00:00:00.123456+00:00 | "True"
Python to Python | structured {"current": true} | key of Ada | 2026-01-01T00:00:00.123456+00:00 | {"current": true}
Python to Python | structured true | key of Ada | 2026-01-01T00:00:00.123456+00:00 | true
Python to JavaScript | binary {"current": true} | key%20of%20Ada | 2026-01-01T00:00:00.123Z | {"current":true}
Python to JavaScript | binary true | key%20of%20Ada | 2026-01-01T00:00:00.123Z | "True"
Python to JavaScript | structured {"current": true} | key of Ada | 2026-01-01T00:00:00.123Z | {"current":true}
Python to JavaScript | structured true | key of Ada | 2026-01-01T00:00:00.123Z | true
END
node js.cjs write
v/bin/python py.py write
(v/bin/python py.py read; node js.cjs read) > seen

echo 'Subject, time and data on arrival; expected by most: "key of Ada", .123456, and true as true in all lines. Observed:'
cat seen
diff stated seen && echo 'As stated.'
