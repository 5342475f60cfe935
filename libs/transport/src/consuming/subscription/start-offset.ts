import {
  capabilityOf,
  isStartOffset,
  isTopicPattern,
  TransportError,
  type Broker,
  type StartFrom,
} from '../../contract/index.js';

/**
 * Rejects an offset that has no meaning on this broker or for this topic.
 * @throws TransportError `TRANSPORT_OPTION_CONFLICT`
 */
export function checkStartOffset(
  where: string,
  { driver, capabilities }: Pick<Broker, 'driver' | 'capabilities'>,
  topic: string,
  startFrom: StartFrom,
): void {
  if (!isStartOffset(startFrom)) return;
  const refuse = (why: string): never => {
    throw new TransportError('TRANSPORT_OPTION_CONFLICT', `${where}: ${why}`, { driver, topic });
  };
  if (isTopicPattern(topic)) {
    refuse(
      `an offset is a position in one topic, but "${topic}" can match many. Name the topic, or start from a Date.`,
    );
  }
  const hasPartitions = capabilityOf(capabilities, 'partitions') !== 'unsupported';
  if (hasPartitions === 'offsets' in startFrom) return;
  if (hasPartitions)
    refuse(
      'with partitions, an offset alone does not identify a message. Set { offsets: { 0: "120" } }, by partition.',
    );
  refuse(`the ${driver} driver has no partitions. Set { offset: "120" }.`);
}
