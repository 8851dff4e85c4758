#!/usr/bin/env bash
# An IAM simulator compares an IPv6 address as text, but the same address with /128 as a number.
#
# A good guess: IpAddress compares addresses. IAM's documentation treats an address without a prefix as the /128 network, and
# 2001:DB8::1 is the same address as 2001:db8::1.
# Seen: @cloud-copilot/iam-simulate 0.1.173 allows a request if the policy writes the address exactly as the request does, or with /128.
# Capital letters or written-out zeros are denied.
# Why it matters: Policies that limit a key to addresses are checked with simulators before they are deployed. This one reports that
# a working client would be rejected, and the "fix" is to widen the policy.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit @cloud-copilot/iam-simulate@0.1.173

cat > probe.mjs <<'JS'
import { runSimulation } from '@cloud-copilot/iam-simulate';
for (const address of ['2001:db8::1', '2001:DB8::1/128', '2001:DB8::1', '2001:db8:0:0:0:0:0:1']) {
  const statement = { Effect: 'Allow', Action: 'execute-api:Invoke', Resource: '*', Condition: { IpAddress: { 'aws:SourceIp': address } } };
  const { result } = await runSimulation({
    request: {
      principal: 'arn:aws:iam::123456789012:user/example', action: 'execute-api:Invoke', contextVariables: { 'aws:SourceIp': '2001:db8::1' },
      resource: { resource: 'arn:aws:execute-api:us-east-1:123456789012:api/live/GET/v1/me', accountId: '123456789012' },
    },
    identityPolicies: [{ name: 'example', policy: { Version: '2012-10-17', Statement: [statement] } }],
    serviceControlPolicies: [], resourceControlPolicies: [],
  }, {});
  console.log(address, result.analysis.result);
}
JS
cat > stated <<'END'
2001:db8::1 Allowed
2001:DB8::1/128 Allowed
2001:DB8::1 ImplicitlyDenied
2001:db8:0:0:0:0:0:1 ImplicitlyDenied
END
node probe.mjs > seen

echo 'A request from 2001:db8::1, for four spellings of its address in the policy; expected by most: Allowed for each. Observed:'
cat seen
diff stated seen && echo 'As stated.'
