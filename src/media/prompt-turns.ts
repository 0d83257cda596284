import { atMost } from '../at-most.ts';

export interface PromptTurnLimits {
  /** Tasks of one application at one host that run at a time. */
  readonly atOnce: number;
  /** That run or wait, of one application at one host. */
  readonly ofHost: number;
  /** That run at a time, of one application, wherever. */
  readonly atOnceOfApplication: number;
  /** That run or wait, of one application, wherever. */
  readonly ofApplication: number;
}

interface Desk {
  readonly inTurn: ReturnType<typeof atMost>;
  tasks: number;
}

/**
 * Runs what fetches prompts: each application has its turns, in all and at each host that a URI names, so none waits for another, nor for a host that is slow
 * to another. What would wait behind too much is not run: then it gives in words what there is too much of.
 */
export function promptTurns(
  limits: PromptTurnLimits,
): <T>(
  applicationId: string,
  uri: string,
  task: () => Promise<T>,
) => Promise<T | { readonly tooMany: string }> {
  const desks = new Map<string, Desk>();
  const deskOf = (name: string, atOnce: number): Desk => {
    const desk = desks.get(name) ?? { inTurn: atMost(atOnce), tasks: 0 };
    desks.set(name, desk);
    desk.tasks++;
    return desk;
  };
  const leave = (name: string, desk: Desk) => {
    if (--desk.tasks === 0) desks.delete(name);
  };
  const isFull = (name: string, most: number) => (desks.get(name)?.tasks ?? 0) >= most;

  return async (applicationId, uri, task) => {
    // What is no URL, or a file, takes its turn with its like.
    const ofHost = `${applicationId} ${URL.parse(uri)?.host ?? ''}`;
    if (isFull(applicationId, limits.ofApplication))
      return { tooMany: `${limits.ofApplication} prompts of its application are being fetched already` };
    if (isFull(ofHost, limits.ofHost))
      return {
        tooMany: `${limits.ofHost} prompts of its application are being fetched from its host already`,
      };
    const application = deskOf(applicationId, limits.atOnceOfApplication);
    const host = deskOf(ofHost, limits.atOnce);
    try {
      return await host.inTurn(() => application.inTurn(task));
    } finally {
      leave(applicationId, application);
      leave(ofHost, host);
    }
  };
}
