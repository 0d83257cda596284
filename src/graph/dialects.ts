/** The two dialects, and where each is spoken (CONTRACT §1). */
import { appDialect } from './app-dialect.ts';
import { communicationsDialect } from './communications-dialect.ts';
import type { Dialect } from './dialect.ts';
import type { Spelling } from './spelling.ts';

/** A path under which calls are served. */
export interface Root {
  readonly version: '/beta' | '/v1.0';
  /** As routes are written: with the version, `:appId` where the application's id stands. */
  readonly path: string;
  readonly spelling: Spelling;
  readonly dialect: Dialect;
}

/** Every path under which calls are served. */
export const ROOTS: readonly Root[] = [
  { version: '/beta', path: '/beta/app/calls', spelling: 'app', dialect: appDialect },
  {
    version: '/beta',
    path: '/beta/applications/:appId/calls',
    spelling: 'applications',
    dialect: appDialect,
  },
  {
    version: '/beta',
    path: '/beta/communications/calls',
    spelling: 'communications',
    dialect: communicationsDialect,
  },
  {
    version: '/v1.0',
    path: '/v1.0/communications/calls',
    spelling: 'communications',
    dialect: communicationsDialect,
  },
];

/** Where an application's calls are, as its dialect has it. */
export function callsPathOf(dialect: 'app' | 'communications'): string {
  return ROOTS.find(({ spelling }) => spelling === dialect)?.path ?? '';
}

/** Of a spelling as it is kept with a call or an operation. */
export function dialectOf(spelling: string): Dialect {
  return spelling === 'communications' ? communicationsDialect : appDialect;
}
