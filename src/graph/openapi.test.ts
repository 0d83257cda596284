import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FastifyPluginAsync } from 'fastify';
import { type ApiStage, CALL_ID, PUBLIC_URL, setApiStage } from '../../test/support/api-stage.ts';
import { systemClock } from '../clock.ts';
import { healthRoutes } from '../http/health.ts';
import { recordingRoutes } from '../http/recordings.ts';
import { silentLog } from '../log.ts';

// biome-ignore lint/suspicious/noExplicitAny: JSON as it travels, asserted on member by member
type Json = any;

const routes: { readonly method: string; readonly path: string }[] = [];
/** Notes every route that is registered after it. */
const noteRoutes: FastifyPluginAsync = Object.assign(
  async (app: Parameters<FastifyPluginAsync>[0]) => {
    app.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) routes.push({ method: one.toLowerCase(), path: url });
    });
  },
  { [Symbol.for('skip-override')]: true },
);

let stage: ApiStage;
let document: Json;
before(async () => {
  const recordings = {
    open: async () => ({ state: 'gone', applicationId: undefined }) as const,
    authorize: async () => 'invalid' as const,
    delete: async () => false,
  };
  stage = await setApiStage({
    before: [noteRoutes],
    after: [
      recordingRoutes({
        recordings,
        sendError: (reply, status) => reply.code(status).send(),
        log: silentLog,
        clock: systemClock,
      }),
      healthRoutes({ ready: () => true, gauges: {} }),
    ],
  });
  document = (await stage.app.inject('/openapi.json')).json();
});
after(() => stage.app.close());

/** Every operation of the document, with where it is. */
function operations(): { readonly name: string; readonly path: string; readonly operation: Json }[] {
  return Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, operation]) => ({
      name: `${method} ${path}`,
      path,
      operation,
    })),
  );
}

function everyRef(value: Json): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === '$ref' && typeof member === 'string' ? [member] : everyRef(member),
  );
}

function resolve(ref: string): Json {
  return ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((at: Json, name) => at?.[name.replaceAll('~1', '/')], document);
}

test('the document is OpenAPI 3.1 with a title, a version and the server', () => {
  assert.equal(document.openapi, '3.1.0');
  assert.ok(document.info.title && document.info.version);
  assert.deepEqual(document.servers, [{ url: PUBLIC_URL }]);
});

test('every reference in it leads somewhere', () => {
  const refs = everyRef(document);
  assert.ok(refs.length > 100);
  for (const ref of refs) assert.ok(resolve(ref), ref);
});

test('every operation has a summary, known tags and answers with descriptions; parameters are those of the path', () => {
  const tags = document.tags.map(({ name }: { name: string }) => name);
  for (const { name, path, operation } of operations()) {
    assert.ok(operation.summary?.length > 5, name);
    assert.ok(operation.tags?.length === 1 && tags.includes(operation.tags[0]), name);
    assert.ok(Object.keys(operation.responses).length > 0, name);
    for (const [status, answer] of Object.entries<Json>(operation.responses)) {
      assert.match(status, /^[1-5]\d\d$/);
      const { description } = answer.$ref === undefined ? answer : resolve(answer.$ref);
      assert.ok(description.length > 3 && description !== 'Default Response', `${name} ${status}`);
    }
    const parameters = (operation.parameters ?? []).map((one: Json) => (one.$ref ? resolve(one.$ref) : one));
    const inPath = parameters.filter((one: Json) => one.in === 'path').map((one: Json) => one.name);
    assert.deepEqual(inPath.sort(), [...path.matchAll(/\{(\w+)\}/g)].map(([, one]) => one).sort(), name);
    for (const scheme of operation.security ?? [])
      for (const one of Object.keys(scheme)) assert.ok(document.components.securitySchemes[one], name);
  }
});

test('a recording is told to be had in each of its formats', () => {
  for (const status of ['200', '206'])
    assert.deepEqual(Object.keys(document.paths['/recordings/{id}'].get.responses[status].content), [
      'audio/wav',
      'audio/mpeg',
      'audio/flac',
      'audio/ogg',
    ]);
});

test('every route that is served is in it, and what is in it is served', () => {
  const described = new Set(operations().map(({ name }) => name));
  const served = new Set(routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`));
  for (const name of described) assert.ok(served.has(name), `${name} is not served`);
  for (const name of served) {
    const [method = '', path = ''] = name.split(' ');
    // HEAD follows from GET; namespaced actions from their short names; and /docs shows the document.
    if (method === 'head' || path.includes('/microsoft.graph.') || path.startsWith('/docs')) continue;
    // What is answered with 405 is not served: a path whose methods are described is.
    const answers405 = !described.has(name) && path in document.paths && path.includes('/calls');
    assert.ok(described.has(name) || answers405, `${name} is not described`);
  }
});

test('bodies are described by the schemas that check them, and what has a default may be left out', () => {
  const schemaOf = (path: string) => {
    const { required, content } = document.paths[path].post.requestBody;
    return { isRequired: required, ...content['application/json'].schema };
  };
  const app = schemaOf('/beta/app/calls/{callId}/record');
  assert.deepEqual(
    [app.isRequired, app.required, app.properties.maxRecordDurationInSeconds.maximum],
    [false, undefined, 1800],
  );
  const today = schemaOf('/v1.0/communications/calls/{callId}/recordResponse');
  assert.equal(today.properties.maxRecordDurationInSeconds.maximum, 120);
  const created = schemaOf('/v1.0/communications/calls');
  assert.deepEqual([created.isRequired, created.required], [true, ['callbackUri', 'targets']]);
});

test('roles, the token endpoint and the errors are in it', () => {
  const { post } = document.paths['/beta/app/calls/{callId}/record'];
  assert.deepEqual(post.security, [{ oauth2: ['Calls.AccessMedia.All'] }, { bearer: [] }]);
  for (const status of ['202', '400', '401', '403', '404', '409', '429', '503'])
    assert.ok(post.responses[status], status);
  const { tokenUrl } = document.components.securitySchemes.oauth2.flows.clientCredentials;
  const path = tokenUrl.slice(PUBLIC_URL.length).replace('/common/', '/{tenant}/');
  assert.ok(document.paths[path].post.requestBody.content['application/x-www-form-urlencoded']);
  assert.match(document.components.responses.error429.description, /8589/);
});

test('what is described does not change what is sent', async () => {
  const plain = await setApiStage({ undocumented: true });
  const paths = ['', '/operations', '/participants', '/none'].map(
    (path) => `/v1.0/communications/calls/${CALL_ID}${path}`,
  );
  for (const path of [...paths, '/undelivered', '/.well-known/openid-configuration']) {
    const [one, other] = [await stage.send('GET', path), await plain.send('GET', path)];
    const body = ({ body }: { body: string }) => body.replaceAll(/[0-9a-f-]{36}"|"date":"[^"]*"/g, '');
    assert.equal(body(one), body(other), path);
    assert.equal(one.statusCode, other.statusCode);
  }
  await plain.app.close();
});

test('the page that shows it needs no other host, and lets itself ask none', async () => {
  for (const path of ['/docs', '/docs/']) {
    const page = await stage.app.inject(path);
    assert.equal(page.statusCode, 200);
    assert.doesNotMatch(page.body, /https?:|["'(]\/\//);
    assert.match(String(page.headers['content-security-policy']), /^default-src 'self';/);
  }
  const html = (await stage.app.inject('/docs/')).body;
  const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
  assert.ok(assets.length > 3);
  for (const asset of assets)
    assert.equal((await stage.app.inject(new URL(asset, 'http://x/docs/').pathname)).statusCode, 200, asset);
  assert.deepEqual((await stage.app.inject('/docs/json')).json(), document);
});
