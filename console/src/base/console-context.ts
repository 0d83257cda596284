import { createContext, useContext } from 'react';
import type { Phone } from '../phone/phone.ts';
import type { Desk } from './desk.ts';
import type { Live } from './live.ts';

/** What every page works with. */
export interface Console {
  readonly desk: Desk;
  readonly live: Live;
  readonly phone: Phone;
  /** Tells screen readers, politely. */
  announce(words: string): void;
}

export const ConsoleContext = createContext<Console | undefined>(undefined);

/** For whatever is shown to whoever is signed in. */
export function useConsole(): Console {
  const found = useContext(ConsoleContext);
  if (found === undefined) throw new Error('nobody is signed in');
  return found;
}
