import type { Admin } from 'kafkajs';

/** Removes from a shared Kafka the topics and groups that have this prefix. */
export async function removeKafkaTraces(brokers: readonly string[], prefix: string): Promise<void> {
  const { Kafka, logLevel } = (await import('kafkajs')).default;
  const admin = new Kafka({ clientId: 'demo-cleaner', brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await removeTopics(admin, prefix);
    await removeGroups(admin, prefix);
  } finally {
    await admin.disconnect();
  }
}

async function removeTopics(admin: Admin, prefix: string): Promise<void> {
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
}

async function removeGroups(admin: Admin, prefix: string): Promise<void> {
  const { groups } = await admin.listGroups();
  const ours = groups.map(({ groupId }) => groupId).filter((groupId) => groupId.startsWith(prefix));
  if (ours.length > 0) await admin.deleteGroups(ours);
}
