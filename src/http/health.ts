import type { FastifyPluginAsync } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export interface HealthOptions {
  /** Whether SIP, media and HTTP serve and calls are taken. */
  readonly ready: () => boolean;
  /** Numbers that are read when they are asked for: name → meaning and value. */
  readonly gauges: Readonly<Record<string, Reading>>;
  /** Such that only grow, as one number or by the value of their label. */
  readonly counters?: Readonly<Record<string, Reading | LabelledReading>>;
}

export interface Reading {
  readonly help: string;
  readonly read: () => number | Promise<number>;
}

export interface LabelledReading {
  readonly help: string;
  readonly label: string;
  readonly read: () => Readonly<Record<string, number>>;
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
        async collect() {
          this.set(await read());
        },
      });
    }
    for (const [name, counter] of Object.entries(counters)) {
      new Counter({
        name,
        help: counter.help,
        labelNames: 'label' in counter ? [counter.label] : [],
        registers: [registry],
        async collect() {
          if ('label' in counter) {
            this.reset();
            for (const [value, count] of Object.entries(counter.read()))
              this.inc({ [counter.label]: value }, count);
          } else {
            const count = await counter.read();
            this.reset();
            this.inc(count);
          }
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
