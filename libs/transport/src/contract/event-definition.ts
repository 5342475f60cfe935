import { isCodec, type Codec } from './codec.js';
import { TransportError } from './errors.js';
import type { StandardSchema } from './schema.js';

/**
 * Defines what two services agree on: the type of an event, its topic, its schema and its key.
 * `In` is what a publisher passes, `Out` what a handler receives (they differ if the schema transforms).
 */
export interface EventDefinition<In = unknown, Out = In, Answer = unknown> {
  readonly type: string;
  readonly topic: string;
  readonly schema: StandardSchema<In, Out> | undefined;
  /**
   * Returns the key of a payload; messages with the same key keep their order. undefined: no key, unless a publish sets
   * one.
   */
  readonly key: ((payload: In) => string | undefined) | undefined;
  /** Whether `key` may return undefined. @default false */
  readonly optionalKey?: boolean | undefined;
  /** Validates a handler's reply, before it is sent and after it is received. */
  readonly answer: StandardSchema<Answer, Answer> | undefined;
  /** undefined: the module's codec. */
  readonly codec?: Codec | undefined;
}

/** Options of `defineEvent`. */
export interface EventOptions<In, Out = In, Answer = unknown> {
  /** The topic of the event. Several types can share a topic, which keeps their order. @default the type */
  readonly topic?: string;
  /** Validates payloads before a publish and before a handler; any Standard Schema library. @default no validation */
  readonly schema?: StandardSchema<In, Out>;
  /**
   * Messages with the same key are handled one at a time, in publish order. A publish for which it returns undefined
   * fails with
   * `TRANSPORT_KEY_INVALID`, unless the publish sets a key or `optionalKey` is true. @default no key
   */
  readonly key?: (payload: In) => string | undefined;
  /** Allows `key` to return undefined: such a message has no key and no order. @default false */
  readonly optionalKey?: boolean;
  /**
   * For requests: validates the reply where it is sent and where it is received, and gives it its type. @default no
   * validation
   */
  readonly answer?: StandardSchema<Answer, Answer>;
  /** Encodes the payloads, and decodes messages that have no content type. @default the module's `codec` */
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
 * export const UserMoved = defineEvent<UserMovedDto>('user.moved');   // no schema: the payload is not validated
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
  if (typeof type !== 'string' || type === '') refuse('the type must be a non-empty string');
  const unknown = Object.keys(options).find((name) => !KNOWN_OPTIONS.includes(name));
  if (unknown !== undefined) refuse(`unknown option "${unknown}"; the options are ${KNOWN_OPTIONS.join(', ')}`);
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
    refuse(
      'the codec needs a contentType, encode and decode; call its factory, as in msgpack(), or pass your own object',
    );
  }
}
