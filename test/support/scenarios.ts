/** sipp scenarios of ours, in pieces; every placeholder in brackets is sipp's. */

const SDP = (codecs: string, extra = '') => `v=0
o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP ${codecs} 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
${extra}`;

const HEADERS = (
  method: string,
  cseq: number,
  to: string,
) => `Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: "Alice" <sip:+14255550100@[local_ip]:[local_port]>;tag=[pid]T[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>${to}
Call-ID: [call_id]
CSeq: ${cseq} ${method}
Max-Forwards: 70`;

/** INVITE, ACK of its 200; `sdp: false` is a delayed offer, with the answer in the ACK. */
export function dial({ codecs = '0', sdp = true } = {}): string {
  const body = SDP(codecs);
  return `${send(`INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
${HEADERS('INVITE', 1, '')}
Contact: <sip:alice@[local_ip]:[local_port];transport=[transport]>
${sdp ? withBody(body) : 'Content-Length: 0\n'}`)}
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="200" rrs="true" rtd="true"/>
${send(`ACK [next_url] SIP/2.0
${HEADERS('ACK', 1, '[peer_tag_param]')}
[routes]
${sdp ? 'Content-Length: 0\n' : withBody(body)}`)}`;
}

/** A re-INVITE with this direction (`sendonly` is hold), and the ACK of its 200. */
export function reinvite(direction: string, cseq: number): string {
  return `${send(`INVITE [next_url] SIP/2.0
${HEADERS('INVITE', cseq, '[peer_tag_param]')}
Contact: <sip:alice@[local_ip]:[local_port];transport=[transport]>
[routes]
${withBody(SDP('0', `a=${direction}\n`))}`)}
<recv response="100" optional="true"/>
<recv response="200"/>
${send(`ACK [next_url] SIP/2.0
${HEADERS('ACK', cseq, '[peer_tag_param]')}
[routes]
Content-Length: 0
`)}`;
}

/** A key by INFO, or another body, and the status that it must get. */
export function info(cseq: number, type: string, body: string, status = 200): string {
  return `${send(`INFO [next_url] SIP/2.0
${HEADERS('INFO', cseq, '[peer_tag_param]')}
[routes]
Content-Type: ${type}
Content-Length: [len]

${body}`)}
<recv response="${status}"/>`;
}

export const play = (file: string) => `<nop><action><exec play_pcap_audio="${file}"/></action></nop>`;
export const wait = (ms: number) => `<pause milliseconds="${ms}"/>`;

export const hangUp = (cseq = 9) => `${send(`BYE [next_url] SIP/2.0
${HEADERS('BYE', cseq, '[peer_tag_param]')}
[routes]
Content-Length: 0
`)}
<recv response="200"/>`;

/** The far end hangs up. */
export const hungUp = `<recv request="BYE"/>
${send(`SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0
`)}`;

/** Any request outside a dialog, and the status that it must get. */
export function ask(method: string, status: number, headers = ''): string {
  return `${send(`${method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0
${HEADERS(method, 1, '')}
Contact: <sip:alice@[local_ip]:[local_port];transport=[transport]>
${headers}Content-Length: 0
`)}
<recv response="100" optional="true"/>
<recv response="${status}"/>`;
}

export function scenario(...steps: string[]): string {
  return `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="tonearm">\n${steps.join('\n')}\n</scenario>\n`;
}

export function send(message: string, attributes = ''): string {
  const retransmit = /^(ACK|SIP)/.test(message) ? '' : ' retrans="500"';
  return `<send${retransmit}${attributes}><![CDATA[\n${message}\n]]></send>`;
}

function withBody(body: string): string {
  return `Content-Type: application/sdp\nContent-Length: [len]\n\n${body}`;
}

/** An INVITE that rings, or not, and then must get `status`; and its ACK. */
export function ring(status: number, options: { readonly codecs?: string } = {}): string {
  const [invite = ''] = dial(options).split('<recv');
  return `${invite}
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="${status}"/>
${ackOfRefusal}`;
}

export const ackOfRefusal = send(`ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0
`);

/**
 * As the called party: an INVITE comes; the caller's From is kept for requests of ours. `verify`: whose Authorization it must
 * have (sipp looks at no Proxy-Authorization); `has`: a pattern that this header of it must match.
 */
export function called(
  must: {
    readonly verify?: { readonly username: string; readonly password: string };
    readonly has?: { readonly header: string; readonly pattern: string };
  } = {},
): string {
  const { verify, has } = must;
  const search = (header: string, pattern: string, more: string) =>
    `<ereg regexp="${pattern.replaceAll('"', '&quot;')}" search_in="hdr" header="${header}:" ${more}/>`;
  const actions = [search('From', '.*', 'assign_to="caller"')];
  if (has !== undefined) actions.push(search(has.header, has.pattern, 'check_it="true" assign_to="matched"'));
  if (verify !== undefined)
    actions.push(
      `<verifyauth assign_to="right" username="${verify.username}" password="${verify.password}"/>`,
    );
  return `<recv request="INVITE" rrs="true"><action>${actions.join('\n')}</action></recv>
<Reference variables="caller${has === undefined ? '' : ',matched'}"/>
${verify === undefined ? '' : '<nop condexec="right" condexec_inverse="true"><action><error message="the credentials are wrong"/></action></nop>'}`;
}

/** As the called party: answers the last request. */
export function reply(
  status: number,
  options: { readonly headers?: string; readonly sdp?: boolean; readonly cseq?: string } = {},
): string {
  const { headers = '', sdp = false, cseq = '[last_CSeq:]' } = options;
  return send(`SIP/2.0 ${status} Whatever
[last_Via:]
[last_From:]
[last_To:]${status === 100 ? '' : OUR_TAG}
[last_Call-ID:]
${cseq}
Contact: <sip:far@[local_ip]:[local_port];transport=[transport]>
${headers}${sdp ? withBody(SDP('0')) : 'Content-Length: 0\n'}`);
}

/** As the called party: answers a request of the dialog, which has our tag already. */
export const replyWithin = (status: number) => reply(status).replace(OUR_TAG, '');

export const receive = (method: string) => `<recv request="${method}"/>`;

/** As the called party: tells what a REFER has come to, and takes the 200 for it. */
export function notify(cseq: number, sipfrag: string, state: string): string {
  return `${send(`NOTIFY [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:far@[local_ip]:[local_port]>${OUR_TAG}
To:[$caller]
Call-ID: [call_id]
CSeq: ${cseq} NOTIFY
Max-Forwards: 70
Contact: <sip:far@[local_ip]:[local_port];transport=[transport]>
Event: refer
Subscription-State: ${state}
Content-Type: message/sipfrag;version=2.0
Content-Length: [len]

${sipfrag}`)}
<recv response="200"/>`;
}

const OUR_TAG = ';tag=[pid]F[call_number]';
