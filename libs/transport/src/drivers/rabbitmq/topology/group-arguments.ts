import { messageOf } from '../../../contract/index.js';
import { isMismatch } from '../client/failures.js';
import { droppedQueueOf } from './names.js';
import type { ResolvedRabbitmqOptions } from '../options.js';

/** Our own count of attempts decides, and not the server's (20 by default from 4.0 on). n.b. a policy's counts if it is smaller. */
const DELIVERY_LIMIT = 1_000_000;
/** What came after the first version, and may be missing from a queue that is there. */
const ADDED = ['x-dead-letter-exchange', 'x-dead-letter-routing-key', 'x-dead-letter-strategy', 'x-overflow'] as const;

type Options = Pick<ResolvedRabbitmqOptions, 'queueType' | 'queueArguments' | 'singleActiveConsumer'>;

/** Of a queue that holds messages for whoever comes. */
export const heldArgumentsOf = ({ queueType }: Options): object => ({
  'x-queue-type': queueType,
  ...(queueType === 'quorum' ? { 'x-delivery-limit': DELIVERY_LIMIT } : {}),
});

/**
 * The arguments of a group's queue, newest version first. RabbitMQ changes no argument of a queue that is there, so such a
 * queue is used with the arguments it has (docs/adr/0033).
 */
export function generationsOf(options: Options, group: string): object[] {
  const { singleActiveConsumer, queueArguments, queueType } = options;
  const first = {
    ...heldArgumentsOf(options),
    ...(singleActiveConsumer ? { 'x-single-active-consumer': true } : {}),
  };
  const older = { ...first, ...queueArguments };
  // n.b. a classic queue counts no deliveries, and who names another dead-letter exchange has a place for what is dropped.
  if (queueType !== 'quorum' || queueArguments?.['x-dead-letter-exchange'] !== undefined) return [older];
  return [{ ...first, ...deadLettering(group), ...queueArguments }, older];
}

/** Under confirmation, which RabbitMQ does only where a full queue refuses what is published. */
const deadLettering = (group: string): Readonly<Record<(typeof ADDED)[number], string>> => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': droppedQueueOf(group),
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
});

/** The queue is there with arguments of another version of this driver. */
export const isOfAnotherGeneration = (error: unknown): boolean =>
  isMismatch(error) && ADDED.some((name) => messageOf(error).includes(`'${name}'`));
