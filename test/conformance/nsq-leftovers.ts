import { NsqdAdmin } from 'nest-transport/nsq/client';

/** Groups of the suite as it names them; others on the same server are none of its business. */
const GROUP_OF_THE_SUITE = /^members-[0-9a-f]{12}/;

/** What nsqd still holds for applications that are closed: consumers of a channel, messages in flight, ephemeral channels. */
export async function lingeringConnections(nsqds: readonly string[]): Promise<string[]> {
  const topics = await Promise.all(nsqds.map((http) => new NsqdAdmin(`http://${http}`).stats()));
  const channels = topics
    .flat()
    .flatMap(({ topic_name, channels: all }) => all.map((channel) => ({ topic_name, channel })));
  return channels
    .filter(({ channel }) => GROUP_OF_THE_SUITE.test(channel.channel_name))
    .flatMap(({ topic_name, channel: { channel_name, clients = [], in_flight_count } }) => [
      ...(clients.length > 0 ? [`channel ${channel_name} of ${topic_name} still has ${clients.length} clients`] : []),
      ...(in_flight_count > 0 ? [`channel ${channel_name} of ${topic_name} has ${in_flight_count} in flight`] : []),
      ...(channel_name.endsWith('#ephemeral') ? [`ephemeral channel ${channel_name} of ${topic_name} is left`] : []),
    ]);
}
