import { TransportError } from './errors.js';

/**
 * `native`: the broker does it. `emulated`: the library does it, with the same guarantee. `unsupported`: an application
 * that needs it fails at startup.
 */
export type Capability = 'native' | 'emulated' | 'unsupported';

/**
 * What a driver can guarantee. `docs/conformance.md` has a table per broker, printed from a run of the conformance
 * suite.
 */
export const CAPABILITY_MEANINGS = {
  groups: 'every group gets every message, and the members of a group share them',
  orderByKey: 'messages of one key are handled in publish order, even when one of them is retried',
  orderAcrossMembers: 'the order of a key is kept across the members of a group, even when one crashes',
  orderByPartition: 'messages without a key keep the order of their partition',
  partitions: 'a message can be sent to a given partition',
  atLeastOnce: 'a message that is not settled is redelivered, to this process or another',
  redelivery: 'a failed message is redelivered after a delay, without blocking other keys',
  delayedRedelivery: 'a failed message can wait on the broker for days, and any member can receive it',
  attempts: 'the attempt count survives a crash of the process',
  deadLetter: 'a message that cannot be handled is stored in a dead-letter topic before it is settled',
  startFromBeginning: 'a new group can start with the oldest message the topic holds',
  startFromTime: 'a new group can start with the messages stored at or after a given time',
  startFromOffset: 'a new group can start with the message at a given offset',
  headers: 'headers travel alongside the payload',
  durability: 'a confirmed message survives a broker restart',
  everyInstance: 'a message can be broadcast to every running instance of a service',
  wildcards: 'a subscription can match many topics with a pattern',
  delayedPublish: 'a message can be published with a delay, and the broker keeps it until then',
  requestReply: 'a handler can reply to the sender',
} as const satisfies Record<string, string>;

/** The name of a capability: a key of `CAPABILITY_MEANINGS`. */
export type CapabilityName = keyof typeof CAPABILITY_MEANINGS;

/** How a driver provides each capability. */
export type Capabilities = Readonly<Record<CapabilityName, Capability>>;

/** Why a driver does not support a capability, for the error that reports it. Each is a clause without a full stop. */
export type CapabilityReasons = Readonly<Partial<Record<CapabilityName, string>>>;

/**
 * Returns how a driver provides one capability. A driver that predates the capability does not list it, so it is
 * `unsupported`.
 */
export const capabilityOf = (capabilities: Partial<Capabilities>, name: CapabilityName): Capability =>
  capabilities[name] ?? 'unsupported';

/** The fields of a broker that describe its capabilities. */
interface CapableBroker {
  readonly driver: string;
  readonly capabilities: Capabilities;
  readonly unsupportedBecause?: CapabilityReasons | undefined;
}

/**
 * Rejects a broker that does not support a required capability.
 * @param remedy what the reader can do about it: one sentence
 * @throws TransportError `TRANSPORT_CAPABILITY_UNSUPPORTED`
 */
export function requireCapabilities(
  broker: CapableBroker,
  names: readonly CapabilityName[],
  where: string,
  remedy = 'Remove it, or choose a broker that supports it.',
): void {
  for (const name of names) {
    const { driver, capabilities, unsupportedBecause } = broker;
    if (capabilityOf(capabilities, name) !== 'unsupported') continue;
    const reason = unsupportedBecause?.[name];
    const why = reason === undefined ? '' : `: ${reason}`;
    throw new TransportError(
      'TRANSPORT_CAPABILITY_UNSUPPORTED',
      `${where} requires "${name}" (${CAPABILITY_MEANINGS[name]}), which the ${driver} driver does not support${why}. ${remedy}`,
      { driver },
    );
  }
}
