/** What may stand in the place of a secret. */
export const MASK = '***';

/**
 * An HTTP URL as it may be shown and logged: whoever has its user or its query may have what it leads to. Nothing is shown of what is no such URL:
 * where its secrets would be is not known.
 */
export function maskedUrl(text: string): string {
  // Slashes too many, tabs and line breaks are left out by whoever follows a URL: what it leads to is then not what it looks like.
  if (!/^https?:\/\/[^\t\n\r/\\][^\t\n\r]*$/i.test(text) || !URL.canParse(text)) return MASK;
  return text
    .replace(/^(https?:\/\/)[^/\\?#]*@/i, `$1${MASK}@`)
    .replace(/[?#].*$/s, (query) => `${query[0]}${MASK}`);
}
