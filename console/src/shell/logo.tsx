/** A tonearm on a record. */
export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <circle className="logo-record" cx="14" cy="18" r="13" />
      <circle className="logo-groove" cx="14" cy="18" r="10" />
      <circle className="logo-groove" cx="14" cy="18" r="7.4" />
      <circle className="logo-label" cx="14" cy="18" r="4.6" />
      <circle className="logo-record" cx="14" cy="18" r="1.1" />
      <path className="logo-arm" d="M27.5 4.5 24 19l-4.2 4.6" />
      <circle className="logo-pivot" cx="27.5" cy="4.5" r="3.2" />
    </svg>
  );
}
