import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killRounds } from '../support/kill-rounds.ts';

/** `npm run bench -- kill` does the same for longer. `TONEARM_KILL_SEED` and `TONEARM_KILL_ROUNDS` choose other rounds. */
const seed = Number(process.env.TONEARM_KILL_SEED ?? 20);
const rounds = Number(process.env.TONEARM_KILL_ROUNDS ?? 5);

test('a server that is killed at any moment loses no recording, call or notification, tells none twice, and leaves nothing behind', async (t) => {
  const tally = await killRounds({ seed, rounds, calls: 6, onRound: (line) => t.diagnostic(line) });
  t.diagnostic(JSON.stringify(tally));
  assert.equal(tally.rounds, rounds);
  assert.ok(tally.recovered > 0 && tally.recordings > 0, 'the kills met something');
});
