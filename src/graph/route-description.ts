/**
 * What a route says of itself beside its schemas, for the API's documentation. Answers are not in the routes' schemas: Fastify would write
 * bodies by them, and leave out what they do not name.
 */

/** Of OpenAPI 3.1: a part of the document that is described once. */
export interface Reference {
  readonly $ref: string;
}

/** Of OpenAPI 3.1, as far as it is used here. */
export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: object }>>;
  readonly content?: Content;
}

type Content = Readonly<Record<string, { readonly schema: object }>>;

/** Goes into a route's `config`, as `described`. */
export interface RouteDescription {
  /** By status. */
  readonly answers: Readonly<Record<number, Response | Reference>>;
  readonly parameters?: readonly Reference[];
  /** For bodies that no schema of the route checks. */
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    described?: RouteDescription;
  }
}

/** An answer with a body that one of the document's schemas describes, or without one. */
export function answered(description: string, schema?: string, headers?: Response['headers']): Response {
  return {
    description,
    ...(headers !== undefined && { headers }),
    ...(schema !== undefined && {
      content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
    }),
  };
}

/** Errors of CONTRACT §5, by status. */
export function errors(...statuses: readonly number[]): RouteDescription['answers'] {
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/error${status}` }]),
  );
}

/** A parameter that the document describes once. */
export function parameter(name: string): Reference {
  return { $ref: `#/components/parameters/${name}` };
}

/** Of an answer that says where what it made is to be found. */
export const LOCATION = {
  Location: { description: 'Absolute.', schema: { type: 'string', format: 'uri' } },
};
