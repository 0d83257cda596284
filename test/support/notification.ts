import type { NewNotification } from '../../src/notify/outbox.ts';

/** A notification that is known by its key. */
export const notification = (lane: string, key: string): NewNotification => ({
  lane,
  key,
  target: 'https://bot.example/calls',
  applicationId: 'app',
  tenantId: 'tenant',
  body: `{"key":"${key}"}`,
  headers: { 'scenario-id': 'abc' },
});
