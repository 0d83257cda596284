/** The API's own documentation: `/openapi.json`, made from the schemas that check the requests, and `/docs`, which shows it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync, RouteOptions } from 'fastify';
import { COMPONENTS, securitySchemes } from './openapi-components.ts';
import { answered, type RouteDescription } from './route-description.ts';
import { UNSPOKEN } from './unspoken-routes.ts';

type Documented = Readonly<Record<string, Record<string, object>>>;

/** Nothing from elsewhere, and no https: where the server has none. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" width="110" height="30"><text x="0" y="22" fill="#fff" font-family="sans-serif" font-size="22" font-weight="bold">Tonearm</text></svg>';

/** Must be registered before the routes that it is to describe. `publicUrl`: without a slash at the end. */
export function openApiRoutes({ publicUrl }: { readonly publicUrl: string }): FastifyPluginAsync {
  const described = new Map<string, RouteDescription>();
  const plugin: FastifyPluginAsync = async (app) => {
    await app.register(swagger, {
      openapi: documentHead(publicUrl),
      transform: ({ schema, url, route }) => {
        const unspoken = UNSPOKEN[`${[route.method].flat().join('|')} ${url}`];
        const description = route.config?.described ?? unspoken?.described;
        if (description !== undefined) for (const key of keysOf(route, url)) described.set(key, description);
        return { schema: { ...schema, ...unspoken?.schema, ...bodyOf(schema?.body) }, url };
      },
      transformObject: (document) => {
        if (!('openapiObject' in document)) return document.swaggerObject;
        const { openapiObject } = document;
        completePaths((openapiObject.paths ?? {}) as Documented, described);
        // Its types are narrower than OpenAPI is.
        openapiObject.components = { ...openapiObject.components, ...COMPONENTS } as never;
        return openapiObject;
      },
    });
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      // Else the page could ask validator.swagger.io what it thinks of the document.
      uiConfig: { validatorUrl: null, docExpansion: 'none' },
      staticCSP: CONTENT_SECURITY_POLICY,
      theme: { title: 'Tonearm' },
      logo: { type: 'image/svg+xml', content: LOGO, href: '/docs' },
    });
    const schema = { summary: 'This document.', tags: ['operation'] };
    const config = { described: { answers: { 200: answered('OpenAPI 3.1.', 'anything') } } };
    app.get('/openapi.json', { schema, config }, async () => app.swagger());
  };
  // What is registered after it is described, too: Fastify would keep its hooks to itself.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}

/** All but the paths, and what is described once. */
function documentHead(publicUrl: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tonearm',
      version: '1.0',
      description:
        "Calls for bots: Microsoft Graph's calls API in two dialects. `app` is the beta of 2018, `communications` today's. Every action of a call is served with its namespace, too: `…/microsoft.graph.record`.",
    },
    servers: [{ url: publicUrl }],
    components: { securitySchemes: securitySchemes(publicUrl) },
    tags: [
      { name: 'communications', description: "Calls, as today's Microsoft Graph has them." },
      { name: 'app', description: "Calls, as Graph's beta of 2018 had them." },
      { name: 'recordings', description: 'What was recorded.' },
      { name: 'undelivered', description: 'Notifications that no bot has taken.' },
      { name: 'tokens', description: 'Access tokens, and the keys that verify ours.' },
      { name: 'operation', description: 'Health, metrics, and this document.' },
    ],
  };
}

function completePaths(paths: Documented, described: ReadonlyMap<string, RouteDescription>): void {
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const description = described.get(`${method} ${path}`);
      // Programs that are made from the document name their functions by it.
      const operationId = `${method}${path}`.replaceAll(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '');
      methods[method] = { operationId, ...operation, ...(description && complete(operation, description)) };
    }
  }
}

/** As `transformObject` names what `transform` saw. */
function keysOf({ method }: RouteOptions, url: string): readonly string[] {
  const path = url.replaceAll(/:(\w+)/g, '{$1}');
  return [method].flat().map((one) => `${one.toLowerCase()} ${path}`);
}

/** What has a default may be left out, which a schema that fills it in does not say. */
function bodyOf(body: unknown): { readonly body: object } | undefined {
  if (body === undefined) return undefined;
  const { required, ...schema } = body as {
    readonly properties: Readonly<Record<string, object>>;
    readonly required?: readonly string[];
  };
  const left = required?.filter((name) => !('default' in (schema.properties[name] ?? {}))) ?? [];
  return { body: { ...schema, ...(left.length > 0 && { required: left }) } };
}

function optionalBody(operation: object): object | undefined {
  const { requestBody } = operation as {
    readonly requestBody?: {
      readonly content: Readonly<Record<string, { readonly schema: { readonly required?: unknown } }>>;
    };
  };
  if (requestBody === undefined) return undefined;
  const required = Object.values(requestBody.content).some(({ schema }) => schema.required !== undefined);
  return { requestBody: { ...requestBody, required } };
}

function complete(operation: object, { answers, parameters = [], requestBody }: RouteDescription): object {
  const own = 'parameters' in operation ? (operation.parameters as readonly object[]) : [];
  return {
    ...operation,
    ...(requestBody === undefined ? optionalBody(operation) : { requestBody }),
    ...(own.length + parameters.length > 0 && { parameters: [...own, ...parameters] }),
    responses: answers,
  };
}
