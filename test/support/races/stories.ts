/**
 * Cases worth trying: steps at random seldom get as far as a recording. So a case is made of episodes, which do, and of steps at random in
 * between; and an episode may hurry, its next step beginning before what the one before began has settled.
 */
import fc from 'fast-check';

/** What happens, and to which of those that there are. */
export interface Happening<What> {
  readonly index: number;
  readonly what: What;
}

export interface Ingredients<What> {
  /** One of these comes first. */
  readonly beginnings: readonly (readonly What[])[];
  readonly episodes: readonly (readonly What[])[];
  /** Steps, by how often each kind is to be chosen. */
  readonly steps: readonly { readonly weight: number; readonly arbitrary: fc.Arbitrary<What> }[];
  /** Between the steps of an episode that does not hurry. */
  readonly pause: What;
}

const MOST_PARTS = 16;

export function stories<What>(ingredients: Ingredients<What>): fc.Arbitrary<readonly Happening<What>[]> {
  const { beginnings, episodes, steps, pause } = ingredients;
  // Mostly the first: several things are to happen to one call.
  const index = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) });
  const step = fc.record({ index, what: fc.oneof(...steps) }).map((one) => [one]);
  const hurries = fc.array(fc.nat(6), { maxLength: 2 });
  const episode = (of: readonly (readonly What[])[], index: fc.Arbitrary<number>) =>
    fc.tuple(index, fc.constantFrom(...of), hurries).map(([index, whats, hurries]) =>
      whats.flatMap((what, at) =>
        hurries.includes(at)
          ? [{ index, what }]
          : [
              { index, what },
              { index, what: pause },
            ],
      ),
    );
  const begin = episode([...beginnings, []], fc.constant(0));
  const parts = fc.array(fc.oneof(step, episode(episodes, index)), { maxLength: MOST_PARTS, size: 'max' });
  return fc.tuple(begin, parts).map(([begin, parts]) => [...begin, ...parts.flat()]);
}
