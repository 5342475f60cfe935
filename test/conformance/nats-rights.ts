import { randomBytes } from 'node:crypto';
import { nats, type NatsOptions } from 'nest-transport/nats';

/** The rights that docs/drivers/nats.md says an application needs, with its topics below "conformance". */
const permissions = {
  publish: [
    'conformance.>',
    '_delayed.>',
    '_INBOX.>',
    '$JS.ACK.>',
    '$JS.API.INFO',
    '$JS.API.STREAM.NAMES',
    '$JS.API.STREAM.INFO.*',
    '$JS.API.STREAM.MSG.GET.*',
    '$JS.API.STREAM.CREATE.*',
    '$JS.API.STREAM.UPDATE.*',
    '$JS.API.CONSUMER.INFO.>',
    '$JS.API.CONSUMER.LIST.*',
    '$JS.API.CONSUMER.CREATE.>',
    '$JS.API.CONSUMER.DELETE.>',
    '$JS.API.CONSUMER.UNPIN.>',
    '$JS.API.CONSUMER.MSG.NEXT.>',
  ],
  subscribe: ['_INBOX.>'],
};

const LOGIN = { user: 'application', password: 'secret' };

/** For a server whose only user has no right that the driver's page does not list. */
export const RESTRICTED = { authorization: { users: [{ ...LOGIN, permissions }] } };

/** Core NATS needs its topics and answers, and nothing of JetStream. */
export const RESTRICTED_CORE = {
  authorization: {
    users: [
      { ...LOGIN, permissions: { publish: ['conformance.>', '_INBOX.>'], subscribe: ['conformance.>', '_INBOX.>'] } },
    ],
  },
};

/** The driver with the login of that user. */
export const onto = (servers: readonly string[], options: Partial<NatsOptions> = {}) =>
  nats({ servers: [...servers], auth: LOGIN, ...options });

export const topicName = (): string => `conformance.${randomBytes(6).toString('hex')}`;
