/** Names of SIP headers: the many spellings that are taken, and the one that is written (RFC 3261 §7.3.1, §7.3.3). */

/** As they are written; a second spelling is the compact form, with those registered since RFC 3261. */
const KNOWN = `Accept Accept-Contact,a Accept-Encoding Accept-Language Alert-Info Allow Allow-Events,u
  Authentication-Info Authorization Call-ID,i Call-Info Contact,m Content-Disposition Content-Encoding,e
  Content-Language Content-Length,l Content-Type,c CSeq Date Diversion Error-Info Event,o Expires From,f History-Info
  Identity,y Identity-Info,n In-Reply-To Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Asserted-Identity
  Priority Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To,r
  Referred-By,b Reject-Contact,j Reply-To Request-Disposition,d Require Retry-After Route RSeq Server
  Session-Expires,x Subject,s Supported,k Timestamp To,t Unsupported User-Agent Via,v Warning WWW-Authenticate`
  .split(/\s+/)
  .map((entry) => entry.split(','));

/** Every usual spelling, so that nearly no header needs more than one look-up. */
const TO_LONG: ReadonlyMap<string, string> = new Map(
  KNOWN.flatMap(([long = '', compact]) => {
    const spellings = [long, long.toLowerCase(), ...(compact ? [compact, compact.toUpperCase()] : [])];
    return spellings.map((one) => [one, long.toLowerCase()] as const);
  }),
);
const TO_WIRE: ReadonlyMap<string, string> = new Map(
  KNOWN.map(([long = '']) => [long.toLowerCase(), long] as const),
);

/** RFC 3261 §20: these hold one value, and a comma in it separates nothing. */
const NO_LIST: ReadonlySet<string> = new Set(
  `authentication-info authorization call-id content-disposition content-type cseq date from identity organization
   proxy-authenticate proxy-authorization refer-to referred-by reply-to retry-after server subject timestamp to user-agent
   www-authenticate`.split(/\s+/),
);

const TOKEN = /^[\w\-.!%*+`'~]+$/;

/** RFC 3261 §25.1 token: methods, header names. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Lower-case and long (`v` → `via`); `undefined`: not a name. */
export function longName(written: string): string | undefined {
  const known = TO_LONG.get(written);
  if (known !== undefined) return known;
  if (!TOKEN.test(written)) return undefined;
  const lower = written.toLowerCase();
  return TO_LONG.get(lower) ?? lower;
}

/** `record-route` as `Record-Route`: no parser may care, and people who read traces do. */
export function wireName(name: string): string {
  return TO_WIRE.get(name) ?? name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** Whether commas separate the values of this header (lower-case, long). */
export function isList(name: string): boolean {
  return !NO_LIST.has(name);
}
