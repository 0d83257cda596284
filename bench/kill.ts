/** Whether a server that is killed at random moments keeps its promises, for as many rounds as one has time for. */
import { killRounds } from '../test/support/kill-rounds.ts';

/** Runs the bench and prints what it found. Rejects with the round, and the seed, in which a promise was broken. */
export async function kill(options: {
  readonly rounds: number;
  readonly calls: number;
  readonly seed: number;
}): Promise<void> {
  console.log(`seed ${options.seed}`);
  const tally = await killRounds({ ...options, onRound: (line) => console.log(line) });
  console.table(tally);
  console.log(JSON.stringify({ bench: 'kill', node: process.version, ...options, ...tally }));
}
