/** Changes to SIP messages that keep most of them a message: what lies behind the first check is reached by these. */
import { mutated, mutatedLines, nastyText } from './mutations.ts';
import type { Random } from './random.ts';
import { mutatedSdp } from './sdp-mutations.ts';

interface Parts {
  start: string;
  /** Header lines with their folds. */
  lines: string[];
  body: Buffer;
}

const METHODS =
  'INVITE ACK BYE CANCEL OPTIONS REGISTER UPDATE INFO NOTIFY PRACK SUBSCRIBE REFER MESSAGE PUBLISH'.split(
    ' ',
  );
const COMPACT = new Map(
  Object.entries({
    via: 'v',
    from: 'f',
    to: 't',
    contact: 'm',
    'call-id': 'i',
    'content-length': 'l',
    'content-type': 'c',
    supported: 'k',
  }),
);
const URIS = [
  'sip:a@b',
  'sip:[::1]',
  'sip:[2001:db8::1]:5070;transport=tcp',
  'sips:a@b',
  'tel:+1425;phone-context=x',
  'sip:a:b@c',
  'sip:%00@b',
  'sip:@b',
  'sip:',
  'sip:a@b:0',
  'sip:a@b:65536',
  'sip:a@b?Route=%3Csip:c%3E',
  'sip:a@127.0.0.1:1;lr',
  'http://a',
  'urn:service:sos',
  '*',
];
/** Values that a header of this name may have, right and wrong. */
const VALUES = new Map<string, readonly string[]>(
  Object.entries({
    via: [
      'SIP/2.0/UDP a',
      'SIP/2.0/TLS [::1]:1;branch=',
      'SIP / 2.0 / UDP a : 5;rport;received=1;maddr=2;ttl=3',
      'SIP/2.0/UDP a;branch=z9hG4bK',
      'SIP/3.0/UDP a',
    ],
    cseq: [
      '0 INVITE',
      '2147483647 BYE',
      '2147483648 INVITE',
      '1',
      '1 1',
      '-1 INVITE',
      '1  INVITE',
      '00000000001 INVITE',
    ],
    'max-forwards': ['0', '255', '256', '-1', '', 'x', '70 70'],
    'content-length': ['0', '1', '99999', '999999999', '-1', '', '1,1', '1 ', '0x5'],
    contact: [
      '*',
      '<sip:a@127.0.0.1:5060>',
      '"',
      '<>',
      '<sip:a@b>;expires=-1;q=2',
      'sip:a@b?x',
      '<sip:a@b>, <sip:c@d>',
      '<tel:1>',
    ],
    require: ['100rel', '', ','],
    'record-route': ['<sip:a;lr>', '<sip:127.0.0.1:1>', '<tel:1>', 'sip:x', '<sip:a>,<sip:b>,"'],
    event: ['refer', 'refer;id=1', '', ';;'],
    'content-type': ['application/sdp', 'multipart/mixed;boundary=x', 'APPLICATION/SDP ; charset=x', ''],
  }),
);

/** One message after one to several such changes; at times with bytes changed besides. */
export function mutatedSip(bytes: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  const parts = split(bytes);
  for (let left = random.pick([1, 1, 2, 5]); left > 0; left--) random.pick(CHANGES)(parts, random);
  const whole = Buffer.concat([
    Buffer.from(`${[parts.start, ...parts.lines].join('\r\n')}\r\n\r\n`),
    parts.body,
  ]);
  return random.oneIn(6) ? mutated(whole, random, others, 2) : whole;
}

function split(bytes: Buffer): Parts {
  const end = bytes.indexOf('\r\n\r\n');
  const [start = '', ...lines] = bytes
    .toString('utf8', 0, end < 0 ? bytes.length : end)
    .split(/\r\n(?![ \t])/);
  return { start, lines, body: Buffer.from(end < 0 ? bytes.subarray(0, 0) : bytes.subarray(end + 4)) };
}

const CHANGES: readonly ((parts: Parts, random: Random) => void)[] = [
  (parts, random) => {
    parts.lines = mutatedLines(parts.lines, random);
  },
  function method(parts, random) {
    const next = random.pick(METHODS);
    const before = parts.start.split(' ')[0] ?? '';
    parts.start = parts.start.replace(before, next);
    if (random.oneIn(2)) return;
    parts.lines = parts.lines.map((line) => (/^cseq\s*:/i.test(line) ? line.replace(/\S+$/, next) : line));
  },
  function uri(parts, random) {
    const [first = '', , version = 'SIP/2.0'] = parts.start.split(' ');
    parts.start = `${first} ${random.oneIn(6) ? nastyText(random) : random.pick(URIS)} ${version}`;
  },
  function startLine(parts, random) {
    if (random.oneIn(2)) return;
    const made = [
      '',
      'SIP/2.0 200',
      'SIP/2.0 999 x',
      'SIP/7.0 200 OK',
      'INVITE',
      'INVITE sip:a@b sip/2.0',
      `${parts.start} `,
      parts.start.toLowerCase(),
    ];
    parts.start = random.pick([...made, nastyText(random)]);
  },
  onHeader((line, random) => {
    const [name = '', ...rest] = line.split(':');
    return `${random.pick([COMPACT.get(name.toLowerCase()) ?? name, name.toUpperCase(), ` ${name}`, `${name} `, `${name}\t`, nastyText(random, 4)])}:${rest.join(':')}`;
  }),
  onHeader((line, random) => {
    const [name = ''] = line.split(':');
    const known = VALUES.get(name.trim().toLowerCase());
    return `${name}: ${known === undefined || random.oneIn(3) ? nastyText(random) : random.pick(known)}`;
  }),
  /** Folded somewhere. */
  onHeader((line, random) => {
    const at = line.indexOf(':') + 1 + random.int(line.length);
    return `${line.slice(0, at)}${random.pick(['\r\n ', '\r\n\t', '\n ', '\r\n \r\n  '])}${line.slice(at)}`;
  }),
  /** More parameters, or other ones. */
  onHeader((line, random) => {
    const parameter = () =>
      random.pick([
        ';lr',
        ';a=b',
        ';tag=x',
        `;${nastyText(random, 5)}`,
        ';a="b\\"',
        ';rport=x',
        ';__proto__=1',
        ';=',
        ';a=',
      ]);
    return line + Array.from({ length: 1 + random.length(200) }, parameter).join('');
  }),
  /** More values in one line. */
  onHeader((line, random) => {
    const value = line.slice(line.indexOf(':') + 1);
    return (
      line +
      Array.from({ length: random.length(2000) }, () => `,${value}`)
        .join('')
        .slice(0, 60_000)
    );
  }),
  (parts, random) => {
    const [name, values] = random.pick([...VALUES]);
    parts.lines.splice(random.int(parts.lines.length + 1), 0, `${name}: ${random.pick(values)}`);
  },
  function body(parts, random) {
    parts.body = random.oneIn(4) ? mutated(parts.body, random, [parts.body]) : mutatedSdp(parts.body, random);
    if (random.oneIn(4)) return;
    parts.lines = parts.lines.map((line) =>
      /^(content-length|l)\s*:/i.test(line) ? `Content-Length: ${parts.body.length}` : line,
    );
  },
];

function onHeader(changed: (line: string, random: Random) => string): (parts: Parts, random: Random) => void {
  return (parts, random) => {
    const at = random.int(parts.lines.length);
    if (parts.lines.length > 0) parts.lines[at] = changed(parts.lines[at] ?? '', random);
  };
}
