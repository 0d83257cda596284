/** Changes to session descriptions. */
import { mutatedLines, nastyText } from './mutations.ts';
import type { Random } from './random.ts';

/** Lines that are right somewhere, and wrong in most places. */
const LINES = [
  'v=1',
  'o=- 0 0 IN IP4 0.0.0.0',
  'o=',
  'c=IN IP4 0.0.0.0',
  'c=IN IP4 224.2.1.1/127/3',
  'c=IN IP4 host.example',
  'c=IN IP6 ::',
  'c=IN IP6 fe80::1%eth0',
  't=9999999999999999999 -1',
  'm=audio 0 RTP/AVP 0',
  'm=audio 65536 RTP/AVP 0',
  'm=audio 4000/2 RTP/AVP 0 0 0 96 97 128 255 999 x',
  'm=audio 4000 RTP/AVP',
  'm=audio 4000 RTP/SAVP 0',
  'm=video 4000 RTP/AVP 0',
  'm=audio  4000  RTP/AVP  0 ',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:96 opus/48000/2',
  'a=rtpmap:97 telephone-event/8000',
  'a=rtpmap:98 G722/8000/1',
  'a=rtpmap:99 PCMA/0/99999',
  'a=rtpmap:__proto__ x/1',
  'a=rtpmap:-1 x/-1/-1',
  'a=ptime:0',
  'a=ptime:1e9',
  'a=ptime:-20',
  'a=maxptime:1',
  'a=sendonly',
  'a=recvonly',
  'a=inactive',
  'a=rtcp:1',
  'a=rtcp:70000 IN IP4 127.0.0.1',
  'a=fmtp:101 0-16',
  'a=fmtp:__proto__ x',
  'a=__proto__:x',
  'a=constructor',
  'a=candidate:1 1 udp 1 1.2.3.4 5 typ host',
  'a=ssrc-group:FID 1 2',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x',
  'a=rid:1 send pt=1;x=',
  'a=imageattr:* send * recv [x=[1:2]]',
  'a=simulcast:send 1;~2,3 recv 4',
  'a=extmap:1/sendonly urn:x y',
  'b=AS:1',
  'b=:',
  'a=',
  'a',
  '=',
  '',
];

/** A description after one to several such changes. */
export function mutatedSdp(bytes: Buffer, random: Random): Buffer {
  let lines = bytes.toString('utf8').split(/\r\n|\n/);
  for (let left = 1 + random.int(5); left > 0; left--) {
    const at = random.int(lines.length + 1);
    if (random.oneIn(3)) lines = mutatedLines(lines, random);
    else if (random.oneIn(2)) lines.splice(at, random.int(2), random.pick(LINES));
    else lines[at] = random.oneIn(2) ? (lines[at] ?? '') + nastyText(random) : nastyText(random);
  }
  return Buffer.from(lines.join(random.oneIn(8) ? random.pick(['\n', '\r', '\r\n\r\n']) : '\r\n'));
}
