/** What JsSIP's types want of Node.js: what they inherit is never used. */
declare module 'events' {
  export class EventEmitter {}
}
declare module 'debug' {
  export type Debug = unknown;
}
