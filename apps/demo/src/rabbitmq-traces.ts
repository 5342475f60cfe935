import type { Channel } from 'amqplib';

/** What the demo's services are called; the third reads dead letters back. */
const servicesOf = (prefix: string): string[] => {
  const run = prefix.replace(/^demo-|\.$/g, '');
  return ['order-service', 'inventory-service', `demo-audit-${run}`].map((service) => `${prefix}${service}`);
};
const EVENTS = ['order.created', 'stock.reserved', 'stock.rejected'];

/**
 * Removes from a shared RabbitMQ the queues that a run with this prefix has made.
 * AMQP cannot list queues, so they are deleted one by one; delay queues expire by themselves.
 */
export async function removeRabbitmqTraces(servers: readonly string[], prefix: string): Promise<void> {
  const { connect } = await import('amqplib');
  const connection = await connect(servers[0] as string);
  try {
    const channel = await connection.createChannel();
    for (const queue of queuesOf(prefix)) await removeQueue(channel, queue);
  } finally {
    await connection.close();
  }
}

/** Deleting what is not there is no error. */
async function removeQueue(channel: Channel, queue: string): Promise<void> {
  await channel.deleteQueue(queue);
}

function queuesOf(prefix: string): string[] {
  const groups = servicesOf(prefix);
  const topics = EVENTS.map((event) => `${prefix}${event}`);
  const deadLetters = topics.flatMap((topic) => groups.map((group) => `${topic}.${group}.dead-letter`));
  const all = [...topics, ...deadLetters];
  const ofGroups = groups.flatMap((group) => all.map((topic) => `${group}:${topic}`));
  return [...ofGroups, ...ofGroups.map((queue) => `${queue}:attempts`), ...deadLetters.map((topic) => `held:${topic}`)];
}
