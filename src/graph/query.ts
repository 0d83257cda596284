/** What a GET may ask for beside the resource: `$select`, and of lists `$top`, `$skip` and `$count` (OData 4.01, part 2, §5.1). */
import { Refused } from './errors.ts';

/** What was asked for, checked. */
export interface Query {
  /** `undefined`: every member. */
  readonly select: readonly string[] | undefined;
  readonly top: number;
  readonly skip: number;
  readonly count: boolean;
}

type Resource = Readonly<Record<string, unknown>>;

const MOST_AT_ONCE = 1000;
const NOT_SERVED = ['$filter', '$orderby', '$expand', '$search'];

/** `members`: what `$select` may name. Other parameters than OData's are ignored. Throws Refused. */
export function readQuery(parameters: unknown, members: readonly string[]): Query {
  const given = parameters as Readonly<Record<string, unknown>>;
  const unserved = NOT_SERVED.find((name) => given[name] !== undefined);
  if (unserved !== undefined) throw new Refused('badRequest', `${unserved} is not served.`);
  return {
    select: selection(given.$select, members),
    top: wholeNumber('$top', given.$top, {
      least: 1,
      most: MOST_AT_ONCE,
      fallback: Number.POSITIVE_INFINITY,
    }),
    skip: wholeNumber('$skip', given.$skip, { least: 0, most: Number.MAX_SAFE_INTEGER, fallback: 0 }),
    count: isTrue('$count', given.$count),
  };
}

/** The resource with what was asked for; what says which resource it is always stays. */
export function selected(resource: object, { select }: Query): Resource {
  const entries = Object.entries(resource);
  if (select === undefined) return Object.fromEntries(entries);
  return Object.fromEntries(
    entries.filter(([name]) => name === 'id' || name.startsWith('@odata.') || select.includes(name)),
  );
}

/** A page of a list. `url`: the list's own, absolute: the next page's starts with it. */
export function listed(resources: readonly object[], query: Query, url: string): Resource {
  const page = resources.slice(query.skip, query.skip + query.top);
  return paged(page, resources.length, query, url);
}

/** Likewise, of a list that is known by its length and the page itself. */
export function paged(page: readonly object[], total: number, query: Query, url: string): Resource {
  const end = query.skip + query.top;
  return {
    ...(query.count && { '@odata.count': total }),
    ...(end < total && { '@odata.nextLink': `${url}?${nextPage(query, end)}` }),
    value: page.map((one) => selected(one, query)),
  };
}

/** Only what is safe in an address as it stands gets here, so nothing has to be encoded. */
function nextPage({ select, top, count }: Query, skip: number): string {
  return [
    ...(select === undefined ? [] : [`$select=${select.join(',')}`]),
    `$top=${top}`,
    ...(count ? ['$count=true'] : []),
    `$skip=${skip}`,
  ].join('&');
}

function selection(given: unknown, members: readonly string[]): readonly string[] | undefined {
  if (given === undefined || given === '*') return undefined;
  const names = String(given)
    .split(',')
    .map((name) => name.trim());
  const unknown = names.find((name) => name !== 'id' && !members.includes(name));
  if (unknown === undefined) return names;
  throw new Refused(
    'badRequest',
    `$select names ${JSON.stringify(unknown.slice(0, 80))}; it can name ${['id', ...members].join(', ')}.`,
  );
}

function wholeNumber(
  name: string,
  given: unknown,
  { least, most, fallback }: { readonly least: number; readonly most: number; readonly fallback: number },
): number {
  if (given === undefined) return fallback;
  const value = typeof given === 'string' && /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  const range = most === MOST_AT_ONCE ? `from ${least} to ${most}` : `of at least ${least}`;
  throw new Refused(
    'badRequest',
    `${name} is ${JSON.stringify(given).slice(0, 80)}; it must be a whole number ${range}.`,
  );
}

function isTrue(name: string, given: unknown): boolean {
  if (given === undefined || given === 'false') return false;
  if (given === 'true') return true;
  throw new Refused(
    'badRequest',
    `${name} is ${JSON.stringify(given).slice(0, 80)}; it must be true or false.`,
  );
}
