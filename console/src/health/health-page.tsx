import type { Health } from '../../../src/http/console/wire.ts';
import { duration, size } from '../base/words.ts';
import { Trouble } from '../shell/trouble.tsx';
import { Sparkline } from './sparkline.tsx';

interface Measure {
  readonly name: string;
  readonly of: (health: Health) => number | undefined;
  readonly say: (value: number) => string;
  /** From here on it is worth a look. */
  readonly isBad?: (value: number) => boolean;
  readonly about: string;
}

const number = (value: number) => value.toLocaleString('en');

const MEASURES: readonly Measure[] = [
  { name: 'Calls', of: ({ calls }) => calls, say: number, about: 'live now' },
  { name: 'Recordings', of: (health) => health.recordingsLive, say: number, about: 'being made' },
  {
    name: 'Packet loss',
    of: ({ packetLoss }) => packetLoss,
    say: (value) => `${(value * 100).toFixed(2)} %`,
    isBad: (value) => value > 0.01,
    about: 'of the packets that were expected',
  },
  {
    name: 'Packets',
    of: (health) => health.packetsPerSecond,
    say: (value) => `${number(Math.round(value))}/s`,
    about: 'RTP received',
  },
  {
    name: 'CPU per packet',
    // What the process does besides is most of it while there are few.
    of: (health) => (health.packetsPerSecond < 100 ? undefined : health.microsecondsPerPacket),
    say: (value) => `${value < 100 ? value.toFixed(1) : value.toFixed(0)} µs`,
    about: 'of the whole process, from 100 packets a second on',
  },
  {
    name: 'CPU',
    of: ({ cpu }) => cpu,
    say: (value) => `${(value * 100).toFixed(0)} %`,
    about: 'of one core',
  },
  { name: 'Memory', of: (health) => health.residentBytes, say: size, about: 'resident' },
  {
    name: 'Free disk',
    of: (health) => health.diskFreeBytes,
    say: size,
    isBad: (value) => value < 1e9,
    about: 'where recordings are kept',
  },
  { name: 'Outbox', of: (health) => health.outboxPending, say: number, about: 'notifications on their way' },
  {
    name: 'Undelivered',
    of: (health) => health.outboxUndelivered,
    say: number,
    isBad: (value) => value > 0,
    about: 'notifications given up',
  },
];

/** How the server is doing, every two seconds. */
export function HealthPage({
  history,
  error,
}: {
  readonly history: readonly Health[];
  readonly error: string | undefined;
}) {
  const now = history.at(-1);
  return (
    <>
      <h1 tabIndex={-1}>Health</h1>
      <Trouble words={now === undefined ? error : undefined} />
      {now !== undefined && (
        <>
          <p className="lead">
            <span className={now.ready ? 'badge live' : 'badge bad'}>
              {now.ready ? 'ready' : 'not ready'}
            </span>{' '}
            up for <span className="mono">{duration(now.uptimeSeconds * 1000)}</span>
          </p>
          <dl className="measures">
            {MEASURES.map(({ name, of, say, isBad, about }) => {
              const value = of(now);
              const bad = value !== undefined && isBad?.(value) === true;
              return (
                <div key={name} className={bad ? 'measure bad' : 'measure'}>
                  <dt>{name}</dt>
                  <dd>
                    <span className="measure-value">{value === undefined ? '–' : say(value)}</span>
                    <span className="quiet">{bad ? `look here: ${about}` : about}</span>
                    <Sparkline values={history.map(of)} />
                  </dd>
                </div>
              );
            })}
          </dl>
        </>
      )}
    </>
  );
}
