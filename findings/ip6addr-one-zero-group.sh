#!/usr/bin/env bash
# A library writes "::" for a single group of zeros, and cannot read an address that ends in an IPv4 address.
#
# A good guess: RFC 5952 has one text for each address, so that addresses can be compared as texts. Its section 4.2.2 forbids "::" for a
# single group. RFC 4291, section 2.2, lets the last 32 bits of any address be written as an IPv4 address.
# Seen: ip6addr 0.2.5 (npm) writes 2001:db8::1:1:1:1:1 for 2001:db8:0:1:1:1:1:1, whereas ip-address 10.7.6 (npm) and Python's ipaddress
# keep the zero. It rejects 64:ff9b::192.0.2.33, the form in which RFC 6052 writes an IPv4 host behind NAT64, although it reads
# ::ffff:192.0.2.33.
# Why it matters: A list of allowed addresses that one program writes in canonical form is compared as text by another. The address is
# the same and the texts differ.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit ip6addr@0.2.5 ip-address@10.7.6

cat > probe.mjs <<'JS'
import ip6addr from 'ip6addr';
import { Address6 } from 'ip-address';
for (const text of ['2001:db8:0:1:1:1:1:1', '2001:db8:0:0:1:0:0:1', '::ffff:192.0.2.33', '64:ff9b::192.0.2.33']) {
  let seen;
  try { seen = ip6addr.parse(text).toString({ format: 'v6' }); } catch (error) { seen = error.message; }
  console.log(text, 'ip6addr:', seen, 'ip-address:', new Address6(text).correctForm());
}
JS
cat > stated <<'END'
2001:db8:0:1:1:1:1:1 ip6addr: 2001:db8::1:1:1:1:1 ip-address: 2001:db8:0:1:1:1:1:1
2001:db8:0:0:1:0:0:1 ip6addr: 2001:db8::1:0:0:1 ip-address: 2001:db8::1:0:0:1
::ffff:192.0.2.33 ip6addr: ::ffff:c000:221 ip-address: ::ffff:c000:221
64:ff9b::192.0.2.33 ip6addr: invalid dotted-quad notation ip-address: 64:ff9b::c000:221
END
node probe.mjs > seen
python3 - >> seen <<'PY'
import ipaddress
print("Python:", ipaddress.ip_address("2001:db8:0:1:1:1:1:1"), ipaddress.ip_address("64:ff9b::192.0.2.33"))
PY
echo 'Python: 2001:db8:0:1:1:1:1:1 64:ff9b::c000:221' >> stated

echo 'Addresses in canonical form; expected by most: the same text from all. Observed:'
cat seen
diff stated seen && echo 'As stated.'
