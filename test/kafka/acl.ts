import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes, type AclEntry } from 'kafkajs';
import { USERS } from '../../tools/brokers/kafka.mjs';
import { withAdmin } from './support.js';

/** What the user of a cluster with `acl: true` may do. */
export interface Right {
  readonly on: 'TOPIC' | 'GROUP';
  readonly name: string;
  /** For all names that begin with `name`. @default false */
  readonly isPrefix?: boolean;
  readonly to: readonly (keyof typeof AclOperationTypes)[];
}

/** Options of kafka() for that user. */
export const userLogin = { sasl: { mechanism: 'plain', ...USERS.plain } } as const;

const entriesOf = ({ on, name, isPrefix = false, to }: Right): AclEntry[] =>
  to.map((operation) => ({
    resourceType: AclResourceTypes[on],
    resourceName: name,
    resourcePatternType: isPrefix ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    principal: `User:${USERS.plain.username}`,
    host: '*',
    operation: AclOperationTypes[operation],
    permissionType: AclPermissionTypes.ALLOW,
  }));

/** @param brokers the plain listeners */
export async function grant(brokers: string[], ...rights: readonly Right[]): Promise<void> {
  await withAdmin((admin) => admin.createAcls({ acl: rights.flatMap(entriesOf) }), brokers);
}

/** Takes away what `grant` gave. */
export async function revoke(brokers: string[], ...rights: readonly Right[]): Promise<void> {
  await withAdmin((admin) => admin.deleteAcls({ filters: rights.flatMap(entriesOf) }), brokers);
}
