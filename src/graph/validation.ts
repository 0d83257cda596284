/** What bodies go through before and after their schema: null is absence, and each error names the JSON path and the rule. */

/** The part of an Ajv error (with `verbose`) that the message is made of. */
export interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly data?: unknown;
  readonly parentSchema?: {
    readonly description?: string;
    readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
  };
}

/** Bodies nest no deeper than this where a null could matter. */
const DEEPEST = 6;

/** For an optional parameter null is the same as leaving it out (CONTRACT §5). In lists a null stays, and is refused. */
export function withoutNulls(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return value;
  if (Array.isArray(value)) return value.map((one) => withoutNulls(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([name, member]) => [name, withoutNulls(member, depth + 1)]),
  );
}

/** `$.prompts[0].mediaInfo.uri is missing; it must be an absolute URI …` */
export function describeError(errors: readonly SchemaError[]): Error {
  // Of a union Ajv tells each branch first; the union's own error says what would be right.
  const error = errors.find((one) => one.keyword === 'anyOf') ?? errors[0];
  if (error === undefined) return new Error('The body is wrong.');
  const path = jsonPath(error.instancePath);
  if (error.keyword === 'required') {
    const name = String(error.params.missingProperty);
    const rule = error.parentSchema?.properties?.[name]?.description;
    return new Error(`${path}.${name} is missing${rule === undefined ? '' : `; it must be ${rule}`}.`);
  }
  const rule = error.parentSchema?.description ?? (path === '$' ? 'a JSON object' : 'something else');
  return new Error(`${path} is ${shown(error.data)}; it must be ${rule}.`);
}

function jsonPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : `${path}.${part}`), '$');
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
