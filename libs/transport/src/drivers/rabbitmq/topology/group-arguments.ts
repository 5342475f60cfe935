import { messageOf } from '../../../contract/index.js';
import { isMismatch } from '../client/failures.js';
import { droppedQueueOf } from './names.js';
import type { ResolvedRabbitmqOptions } from '../options.js';

/** So high that the driver's count of attempts decides, not the server's limit (20 by default since 4.0). A smaller limit of a policy wins. */
const DELIVERY_LIMIT = 1_000_000;
/** Arguments that were added after the first version, and may be missing from existing queues. */
const ADDED = ['x-dead-letter-exchange', 'x-dead-letter-routing-key', 'x-dead-letter-strategy', 'x-overflow'] as const;

type Options = Pick<ResolvedRabbitmqOptions, 'queueType' | 'queueArguments' | 'singleActiveConsumer'>;

/** The arguments of a queue that holds messages without a subscriber. */
export const heldArgumentsOf = ({ queueType }: Options): object => ({
  'x-queue-type': queueType,
  ...(queueType === 'quorum' ? { 'x-delivery-limit': DELIVERY_LIMIT } : {}),
});

/**
 * Returns the arguments of a group's queue, newest version first. RabbitMQ cannot change the arguments of an existing queue, so such
 * a queue is used as it is (docs/adr/0033).
 */
export function generationsOf(options: Options, group: string): object[] {
  const { singleActiveConsumer, queueArguments, queueType } = options;
  const first = {
    ...heldArgumentsOf(options),
    ...(singleActiveConsumer ? { 'x-single-active-consumer': true } : {}),
  };
  const older = { ...first, ...queueArguments };
  // A classic queue has no delivery limit, and with a custom dead-letter exchange dropped messages go there.
  if (queueType !== 'quorum' || queueArguments?.['x-dead-letter-exchange'] !== undefined) return [older];
  return [{ ...first, ...deadLettering(group), ...queueArguments }, older];
}

/** At-least-once dead-lettering, which RabbitMQ supports only with `reject-publish`. */
const deadLettering = (group: string): Readonly<Record<(typeof ADDED)[number], string>> => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': droppedQueueOf(group),
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
});

/** The queue exists with arguments of another version of this driver. */
export const isOfAnotherGeneration = (error: unknown): boolean =>
  isMismatch(error) && ADDED.some((name) => messageOf(error).includes(`'${name}'`));
