#!/usr/bin/env bash
# A mail parser cannot read the unsubscribe link that the mail library of the same authors writes.
#
# A good guess: nodemailer writes List-Unsubscribe from { url, comment }, and mailparser, by the same authors, returns the url.
# Seen: From `<https://example.com/u?k=1> (Stop)`, as nodemailer 10.6.1 writes it, mailparser 3.14.2 returns { name, id } and no
# url. Without the comment, it returns the url. If the query of the link contains an @, it returns the link in the field "mail".
# Why it matters: Tests of mails read them with such a parser, and mail programs show an unsubscribe button if there is a "url".
# If the link has a comment or contains the recipient's address, there is no button. RFC 2369 allows both.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit nodemailer@10.6.1 mailparser@3.14.2

cat > probe.mjs <<'JS'
import nodemailer from 'nodemailer';
import { simpleParser } from 'mailparser';
const mails = nodemailer.createTransport({ streamTransport: true, buffer: true });
for (const unsubscribe of [{ url: 'https://example.com/u?k=1' }, { url: 'https://example.com/u?k=1', comment: 'Stop' },
  { url: 'https://example.com/u?to=ada@example.com' }]) {
  const { message } = await mails.sendMail({ from: 'a@example.com', to: 'ada@example.com', subject: 'Hello', text: 'Hello', list: { unsubscribe } });
  const line = message.toString().match(/^List-Unsubscribe: (.*)$/m)[1].trim();
  console.log(line, JSON.stringify((await simpleParser(message)).headers.get('list').unsubscribe));
}
JS
cat > stated <<'END'
<https://example.com/u?k=1> {"url":"https://example.com/u?k=1"}
<https://example.com/u?k=1> (Stop) {"name":"Stop","id":"https://example.com/u?k=1"}
<https://example.com/u?to=ada@example.com> {"mail":"https://example.com/u?to=ada@example.com"}
END
node probe.mjs > seen

echo 'nodemailer 10.6.1, read by mailparser 3.14.2; expected by most: a url from each. Observed:'
cat seen
diff stated seen && echo 'As stated.'
