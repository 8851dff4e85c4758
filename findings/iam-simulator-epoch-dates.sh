#!/usr/bin/env bash
# An IAM simulator never lets a policy's Unix time lie after the current time.
#
# A good guess: IAM's date operators take ISO 8601 dates and seconds since 1970 alike, as its documentation says, so that both forms of
# one moment give one result.
# Seen: @cloud-copilot/iam-simulate 0.1.173 allows a request before 2030-01-01T00:00:00Z, and denies it before 1893456000, which is the
# same moment, if the request's time is an ISO date. If the request's time is given in seconds too, it allows it.
# Why it matters: A grant that ends at a Unix time, as many generators of policies write it, looks as if it had ended in every simulation.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @cloud-copilot/iam-simulate@0.1.173

cat > probe.mjs <<'JS'
import { runSimulation } from '@cloud-copilot/iam-simulate';
const iso = ['aws:CurrentTime', '2026-01-01T00:00:00Z'];
const seconds = ['aws:EpochTime', '1767225600'];
for (const [end, [key, now]] of [['2030-01-01T00:00:00Z', iso], ['1893456000', iso], ['1893456000', seconds], ['2030-01-01T00:00:00Z', seconds]]) {
  const statement = { Effect: 'Allow', Action: 'execute-api:Invoke', Resource: '*', Condition: { DateLessThan: { [key]: end } } };
  const { result } = await runSimulation({
    request: {
      principal: 'arn:aws:iam::123456789012:user/example', action: 'execute-api:Invoke', contextVariables: { [key]: now },
      resource: { resource: 'arn:aws:execute-api:us-east-1:123456789012:api/live/GET/v1/me', accountId: '123456789012' },
    },
    identityPolicies: [{ name: 'example', policy: { Version: '2012-10-17', Statement: [statement] } }],
    serviceControlPolicies: [], resourceControlPolicies: [],
  }, {});
  console.log(`${now} before ${end}:`, result.analysis.result);
}
JS
cat > stated <<'END'
2026-01-01T00:00:00Z before 2030-01-01T00:00:00Z: Allowed
2026-01-01T00:00:00Z before 1893456000: ImplicitlyDenied
1767225600 before 1893456000: Allowed
1767225600 before 2030-01-01T00:00:00Z: Allowed
END
node probe.mjs > seen

echo 'A request on 1 January 2026 under a grant until 2030, in both notations; expected by most: Allowed for each. Observed:'
cat seen
diff stated seen && echo 'As stated.'
