import type { Application, ApplicationDirectory } from '../../src/call/application.ts';

/** Applications that stay as they are. */
export function directoryOf<A extends Application>(applications: readonly A[]): ApplicationDirectory<A> {
  return { all: () => applications, get: (id) => applications.find((one) => one.id === id) };
}
