import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FromGenerator, ToGenerator } from './protocol.ts';

/** The load generator, seen from the bench. */
export interface Generator {
  readonly pid: number;
  /** Rejects when the generator's process ends instead of replying. One question at a time. */
  ask<Told extends FromGenerator['told']>(
    message: ToGenerator,
    told: Told,
  ): Promise<Extract<FromGenerator, { told: Told }>>;
  stop(): Promise<void>;
}

/** Starts a load generator that calls the server on a loopback UDP port; its callers speak, or are `silent`, over RTP or as browsers do. */
export async function startGenerator(
  sipPort: number,
  callers: 'speaking' | 'silent' = 'speaking',
  media: 'rtp' | 'webrtc' = 'rtp',
): Promise<Generator> {
  const child = fork(join(import.meta.dirname, 'generator.ts'), [String(sipPort), callers, media]);
  const ended = once(child, 'exit');

  async function reply<Told extends FromGenerator['told']>(
    told: Told,
  ): Promise<Extract<FromGenerator, { told: Told }>> {
    const [message] = (await Promise.race([
      once(child, 'message'),
      ended.then(([code]) => Promise.reject(new Error(`the load generator ended with code ${code}`))),
    ])) as [FromGenerator];
    if (message.told !== told) throw new Error(`the load generator told ${message.told} instead of ${told}`);
    return message as Extract<FromGenerator, { told: Told }>;
  }

  await reply('ready');
  return {
    pid: child.pid ?? 0,
    ask(message, told) {
      const replied = reply(told);
      child.send(message);
      return replied;
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
