/** An application: a bot as the server knows it. */
import type { Sensitivity } from '../media/line.ts';

export interface Application {
  /** GUID, lower-case with dashes. */
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly roles: readonly Role[];
  /** Where incoming calls are told of; NOT_TOLD: nowhere, by a bot within the server that hears the facts themselves. */
  readonly callbackUri: string;
  /** Spelling of the incoming notification. */
  readonly dialect: 'app' | 'communications';
  /** Patterns of the called number or URI; `*` matches any run of characters. */
  readonly routes: readonly string[];
  /** How readily its callers' speech is heard, where a request says nothing of it. */
  readonly speechSensitivity: Sensitivity;
}

/** A callbackUri of whom nothing is told over HTTP. */
export const NOT_TOLD = '';

export type Role = 'Calls.AccessMedia.All' | 'Calls.Initiate.All';

/** The applications that there are now: they may come, change and go while the server runs. */
export interface ApplicationDirectory<A extends Application = Application> {
  /** The same array as long as nothing has changed; in the order in which their routes are looked at. */
  all(): readonly A[];
  get(id: string): A | undefined;
}
