/** SIP and tel URIs and name-addrs (RFC 3261 §19.1, §20.10, §25; RFC 3966). No I/O. */

export interface SipUri {
  readonly scheme: 'sip' | 'sips' | 'tel';
  /** Unescaped; the number for `tel`. `undefined`: no user part. */
  readonly user: string | undefined;
  /** Lower-case; an IPv6 reference keeps its brackets. Empty for `tel`. */
  readonly host: string;
  readonly port: number | undefined;
  /** Names lower-case; a parameter without a value has ''. */
  readonly parameters: Readonly<Record<string, string>>;
  /** As it stood on the wire. */
  readonly text: string;
}

export interface NameAddr {
  /** Unquoted; `undefined` when absent or empty. */
  readonly displayName: string | undefined;
  readonly uri: SipUri;
  /** Header parameters such as `tag`; names lower-case. */
  readonly parameters: Readonly<Record<string, string>>;
}
