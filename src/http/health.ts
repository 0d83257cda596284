import type { FastifyPluginAsync } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export interface HealthOptions {
  /** Whether SIP, media and HTTP serve and calls are taken. */
  readonly ready: () => boolean;
  /** Numbers that are read when they are asked for: name → meaning and value. */
  readonly gauges: Readonly<Record<string, { readonly help: string; readonly read: () => number }>>;
  /** Such that only grow, by the value of their label. */
  readonly counters?: Readonly<
    Record<
      string,
      { readonly help: string; readonly label: string; readonly read: () => Readonly<Record<string, number>> }
    >
  >;
}

/** `/healthz` (alive), `/readyz` (takes calls), `/metrics` (Prometheus). */
export function healthRoutes({ ready, gauges, counters = {} }: HealthOptions): FastifyPluginAsync {
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
    for (const [name, { help, label, read }] of Object.entries(counters)) {
      new Counter({
        name,
        help,
        labelNames: [label],
        registers: [registry],
        collect() {
          this.reset();
          for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count);
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
