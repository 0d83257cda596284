import type { Config } from './config.ts';
import { isLoopbackAddress } from './outbound/address.ts';
import { type CallbackRules, callbackRules } from './outbound/callbacks.ts';

/** Where bots may have themselves told: what the configuration allows, and this machine when nobody else reaches the server. */
export function callbacksOf(config: Config): CallbackRules {
  const isLocal = isApiLocal(config) && config.sip.listen.every(({ address }) => isLoopbackAddress(address));
  return callbackRules({ ...config.callbacks, loopback: isLocal });
}

/** Whether only programs on this machine reach the API. A proxy before it would bring others in. */
export function isApiLocal({ http }: Config): boolean {
  const publicHost = URL.parse(http.publicUrl ?? 'http://localhost/')?.hostname.replace(/^\[|\]$/g, '') ?? '';
  return (
    isLoopbackAddress(http.listen.address) &&
    !http.trustProxy &&
    (publicHost === 'localhost' || isLoopbackAddress(publicHost))
  );
}
