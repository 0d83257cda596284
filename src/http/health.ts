import type { FastifyPluginAsync } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export interface HealthOptions {
  /** Whether SIP, media and HTTP serve and calls are taken. */
  readonly ready: () => boolean;
  /** Numbers that are read when they are asked for: name → meaning and value. */
  readonly gauges: Readonly<Record<string, { readonly help: string; readonly read: () => number }>>;
}

/** `/healthz` (alive), `/readyz` (takes calls), `/metrics` (Prometheus). */
export function healthRoutes({ ready, gauges }: HealthOptions): FastifyPluginAsync {
  return async (app) => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    for (const [name, { help, read }] of Object.entries(gauges)) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    }
    app.get('/healthz', async () => ({ status: 'alive' }));
    app.get('/readyz', async (_request, reply) =>
      ready() ? { status: 'ready' } : reply.code(503).send({ status: 'not ready' }),
    );
    app.get('/metrics', async (_request, reply) =>
      reply.type(registry.contentType).send(await registry.metrics()),
    );
  };
}
