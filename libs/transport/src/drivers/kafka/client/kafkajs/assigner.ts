import type * as KafkaJs from 'kafkajs';
import { assignPartitions, type GroupMember, type PartitionsByTopic } from '../../receiving/assignment.js';
import type { TappedCluster } from './cluster.js';

/** The name of the group protocol, which all members of a group must share. */
export const ASSIGNER_NAME = 'nest-transport';

/**
 * Creates an assigner that gives members only topics they subscribed to. kafkajs' round robin assigns others too, and knows only
 * the topics of the leading member; this one looks up a topic that only a newer member knows.
 * @param owned the partitions of this member, which it keeps where that is fair
 */
export function createAssigner(
  kafkajs: typeof KafkaJs,
  tap: TappedCluster,
  owned: () => PartitionsByTopic,
): KafkaJs.Assigner {
  const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;
  const version = 1;
  return {
    name: ASSIGNER_NAME,
    version,
    protocol: ({ topics }) => ({
      name: ASSIGNER_NAME,
      metadata: MemberMetadata.encode({ version, topics, userData: Buffer.from(JSON.stringify(owned())) }),
    }),
    assign: async ({ members }) => {
      const known = members.map(({ memberId, memberMetadata }) =>
        memberOf(memberId, MemberMetadata.decode(memberMetadata)),
      );
      const partitions = await partitionsOf(tap, known);
      return [...assignPartitions(known, partitions)].map(([memberId, assignment]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
      }));
    },
  };
}

function memberOf(id: string, metadata: KafkaJs.MemberMetadata | null): GroupMember {
  return { id, topics: metadata?.topics ?? [], owned: ownedOf(metadata?.userData) };
}

/** The partitions that a member reports as its own. The report is only a preference. */
function ownedOf(userData: Buffer | null | undefined): PartitionsByTopic {
  try {
    const parsed: unknown = JSON.parse((userData ?? Buffer.alloc(0)).toString() || '{}');
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(Object.entries(parsed).filter(([, list]) => Array.isArray(list))) as PartitionsByTopic;
  } catch {
    return {};
  }
}

async function partitionsOf(tap: TappedCluster, members: readonly GroupMember[]): Promise<Map<string, number[]>> {
  const topics = [...new Set(members.flatMap((member) => member.topics))];
  const found = await Promise.all(topics.map(async (topic) => [topic, await tap.partitionsOf(topic)] as const));
  return new Map(found.flatMap(([topic, ids]) => (ids === undefined ? [] : [[topic, ids] as const])));
}
