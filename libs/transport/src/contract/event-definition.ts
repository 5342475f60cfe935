import { isCodec, type Codec } from './codec.js';
import { TransportError } from './errors.js';
import type { StandardSchema } from './schema.js';

/**
 * What two services agree on: the type of an event, the topic it lives on, its schema and its key.
 * `In` is what a publisher gives, `Out` what a handler gets (they differ where the schema transforms).
 */
export interface EventDefinition<In = unknown, Out = In, Answer = unknown> {
  readonly type: string;
  readonly topic: string;
  readonly schema: StandardSchema<In, Out> | undefined;
  /** The key of a payload; messages of one key keep their order. undefined: none, unless a publish gives one. */
  readonly key: ((payload: In) => string | undefined) | undefined;
  /** Whether `key` may return undefined. @default false */
  readonly optionalKey?: boolean | undefined;
  /** Checks what a handler answers, on its way out and where it arrives. */
  readonly answer: StandardSchema<Answer, Answer> | undefined;
  /** undefined: the module's. */
  readonly codec?: Codec | undefined;
}

/** What `defineEvent` takes beside the type. */
export interface EventOptions<In, Out = In, Answer = unknown> {
  /** Where the event lives. Several types may share a topic; they then keep their order. @default the type */
  readonly topic?: string;
  /** Checked before a publish and before a handler; any Standard Schema library. @default no check */
  readonly schema?: StandardSchema<In, Out>;
  /**
   * Messages with the same key are handled one at a time, in publish order. A publish whose function returns undefined is refused
   * with `TRANSPORT_KEY_INVALID`, unless the publish gives a key or `optionalKey` is set. @default no key
   */
  readonly key?: (payload: In) => string | undefined;
  /** `key` may return undefined: such a message has no key, and no order. @default false */
  readonly optionalKey?: boolean;
  /** For requests: checks the answer where it is given and where it arrives, and gives it its type. @default no check */
  readonly answer?: StandardSchema<Answer, Answer>;
  /** How its payloads are written, and how those are read that do not say it. @default the module's `codec` */
  readonly codec?: Codec;
}

const KNOWN_OPTIONS: readonly string[] = [
  'topic',
  'schema',
  'key',
  'optionalKey',
  'answer',
  'codec',
] satisfies (keyof EventOptions<unknown>)[];

/**
 * Defines an event once, for its publishers and its handlers.
 *
 * ```ts
 * export const OrderCreated = defineEvent('order.created', { schema: orderCreatedSchema, key: (order) => order.orderId });
 * export const UserMoved = defineEvent<UserMovedDto>('user.moved');   // no schema: the type is believed
 * ```
 * @throws TransportError `TRANSPORT_EVENT_INVALID`
 */
export function defineEvent<In, Out = In, Answer = unknown>(
  type: string,
  options: EventOptions<In, Out, Answer> = {},
): EventDefinition<In, Out, Answer> {
  refuseBadDefinition(type, options);
  const { topic = type, schema, key, optionalKey, answer, codec } = options;
  return Object.freeze({ type, topic, schema, key, optionalKey, answer, codec });
}

function refuseBadDefinition<In, Out, Answer>(type: string, options: EventOptions<In, Out, Answer>): void {
  const refuse = (what: string): never => {
    throw new TransportError('TRANSPORT_EVENT_INVALID', `defineEvent(${JSON.stringify(type)}): ${what}.`);
  };
  if (typeof type !== 'string' || type === '') refuse('the type must be a text that is not empty');
  const unknown = Object.keys(options).find((name) => !KNOWN_OPTIONS.includes(name));
  if (unknown !== undefined) refuse(`there is no option "${unknown}"; known are ${KNOWN_OPTIONS.join(', ')}`);
  if (options.topic === '') refuse('the topic must not be empty; leave it out to use the type');
  if (options.schema !== undefined && typeof options.schema['~standard']?.validate !== 'function') {
    refuse('the schema has no "~standard".validate; use a library that follows Standard Schema v1, such as zod 4');
  }
  if (options.answer !== undefined && typeof options.answer['~standard']?.validate !== 'function') {
    refuse('the answer has no "~standard".validate; use a library that follows Standard Schema v1, such as zod 4');
  }
  if (options.key !== undefined && typeof options.key !== 'function')
    refuse('the key must be a function of the payload');
  if (options.optionalKey !== undefined && typeof options.optionalKey !== 'boolean')
    refuse('optionalKey must be true or false');
  if (options.optionalKey === true && options.key === undefined) refuse('optionalKey needs a key function');
  if (options.codec !== undefined && !isCodec(options.codec)) {
    refuse('the codec needs a contentType, encode and decode; call it, as in msgpack(), or make one of your own');
  }
}
