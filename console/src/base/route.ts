/** The page's parts by the fragment of its address: `#/calls/{id}`. */
export type Route =
  | { readonly page: 'phone' | 'calls' | 'recordings' | 'undelivered' | 'health' }
  | { readonly page: 'call'; readonly id: string }
  | { readonly page: 'try'; readonly call?: string };

/** Whatever it does not know leads to the phone. */
export function parseRoute(fragment: string): Route {
  const [page, id] = fragment
    .replace(/^#?\/?/, '')
    .split('/')
    .map(decoded);
  switch (page) {
    case 'calls':
      return id ? { page: 'call', id } : { page };
    case 'try':
      return id ? { page, call: id } : { page };
    case 'recordings':
    case 'undelivered':
    case 'health':
      return { page };
    default:
      return { page: 'phone' };
  }
}

/** The fragment that leads there. */
export function fragmentOf(route: Route): string {
  if (route.page === 'call') return `#/calls/${encodeURIComponent(route.id)}`;
  if (route.page === 'try' && route.call !== undefined) return `#/try/${encodeURIComponent(route.call)}`;
  return `#/${route.page}`;
}

/** The secret of `#secret=…`, as the link that the server prints has it. */
export function secretIn(fragment: string): string | undefined {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('secret') ?? undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
