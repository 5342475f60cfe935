import { Kafka, logLevel } from 'kafkajs';

/** Groups of the suite as it names them; others on the same server are none of its business. */
const GROUP_OF_THE_SUITE = /^members-[0-9a-f]{12}/;

/** Members that the broker still counts although their applications are closed; asked past our own driver. */
export async function lingeringMembers(brokers: readonly string[]): Promise<string[]> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const ids = (await admin.listGroups()).groups
      .map(({ groupId }) => groupId)
      .filter((id) => GROUP_OF_THE_SUITE.test(id));
    const { groups } = await admin.describeGroups(ids);
    return groups
      .filter(({ members }) => members.length > 0)
      .map(({ groupId, members }) => `group ${groupId} still has ${members.length} members`);
  } finally {
    await admin.disconnect();
  }
}
