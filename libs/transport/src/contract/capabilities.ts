import { TransportError } from './errors.js';

/** `native`: the broker does it. `emulated`: we do it and keep the promise. `absent`: asking for it is refused at start. */
export type Capability = 'native' | 'emulated' | 'unsupported';

/** What can be promised, broker by broker. The README's table is printed from a conformance run over these. */
export const CAPABILITY_MEANINGS = {
  groups: 'every group gets every message, the members of one group share them',
  orderByKey: 'messages of one key are handled in publish order, also when one of them is retried',
  orderAcrossMembers: 'the order of a key holds also across the members of a group, and the crash of one',
  orderByPartition: 'messages without a key keep the order of their partition',
  partitions: 'a message can be sent to a partition by number',
  atLeastOnce: 'a message that is not settled comes again, to this process or to another',
  redelivery: 'a failed message comes again after a delay, without holding up other keys',
  delayedRedelivery: 'a failed message can wait on the broker for days, and comes again to any member',
  attempts: 'the number of the attempt survives the death of the process',
  deadLetter: 'a message that cannot be handled is stored elsewhere before it is settled',
  startFromBeginning: 'a new group starts with what the topic still holds',
  startFromTime: 'a new group starts with what was stored at a given moment or after it',
  startFromOffset: 'a new group starts with the message at a given offset',
  headers: 'headers travel beside the payload',
  durability: 'a confirmed message survives the restart of the broker',
  everyInstance: 'every running instance of a service gets every message',
  wildcards: 'a subscription can name many topics by a pattern',
  delayedPublish: 'a message can be published now for a later moment, and the broker keeps it until then',
  requestReply: 'a handler can answer the sender',
} as const satisfies Record<string, string>;

/** A promise by its name: a key of `CAPABILITY_MEANINGS`. */
export type CapabilityName = keyof typeof CAPABILITY_MEANINGS;

/** What a driver says of every promise. */
export type Capabilities = Readonly<Record<CapabilityName, Capability>>;

/** Why a driver cannot promise what it does not, for the error that says so: each a sentence without its full stop. */
export type CapabilityReasons = Readonly<Partial<Record<CapabilityName, string>>>;

/** What a driver says of one of them. n.b. a driver that is older than a capability does not name it, and cannot have it. */
export const capabilityOf = (capabilities: Partial<Capabilities>, name: CapabilityName): Capability =>
  capabilities[name] ?? 'unsupported';

/** As much of a broker as says what it can. */
interface CapableBroker {
  readonly driver: string;
  readonly capabilities: Capabilities;
  readonly unsupportedBecause?: CapabilityReasons | undefined;
}

/**
 * Refuses a broker that cannot keep a promise which is asked for.
 * @param remedy what the reader can do about it: one sentence
 * @throws TransportError `TRANSPORT_CAPABILITY_UNSUPPORTED`
 */
export function requireCapabilities(
  broker: CapableBroker,
  names: readonly CapabilityName[],
  where: string,
  remedy = 'Do without it, or choose a broker that has it.',
): void {
  for (const name of names) {
    const { driver, capabilities, unsupportedBecause } = broker;
    if (capabilityOf(capabilities, name) !== 'unsupported') continue;
    const reason = unsupportedBecause?.[name];
    const why = reason === undefined ? '' : `: ${reason}`;
    throw new TransportError(
      'TRANSPORT_CAPABILITY_UNSUPPORTED',
      `${where} asks for "${name}" (${CAPABILITY_MEANINGS[name]}), which the ${driver} driver cannot promise${why}. ${remedy}`,
      { driver },
    );
  }
}
