import {
  capabilityOf,
  isStartOffset,
  isTopicPattern,
  TransportError,
  type Broker,
  type StartFrom,
} from '../../contract/index.js';

/**
 * Refuses an offset that says nothing on this broker, or of this topic.
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
    refuse(`an offset is a place in one topic, and "${topic}" may be many. Name the topic, or begin at a Date.`);
  }
  const hasPartitions = capabilityOf(capabilities, 'partitions') !== 'unsupported';
  if (hasPartitions === 'offsets' in startFrom) return;
  if (hasPartitions)
    refuse('with partitions, an offset alone names no message. Write { offsets: { 0: "120" } }, by partition.');
  refuse(`the ${driver} driver has no partitions. Write { offset: "120" }.`);
}
