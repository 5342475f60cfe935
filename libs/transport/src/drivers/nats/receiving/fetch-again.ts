import type { BrokerHost } from '../../../contract/index.js';
import type { Link } from '../client/link.js';
import type { NatsMessage, StreamPlace } from '../mapping.js';
import { PullInbox, type PullTarget } from './pull-inbox.js';

/** Milliseconds that the server may take for messages that are available. */
const LIMIT_MS = 500;

/**
 * Requests once messages that wait for redelivery, from a consumer that no other member reads.
 * @param take receives each message
 */
export async function fetchAgain(
  { host, link }: { readonly host: BrokerHost; readonly link: Link },
  target: PullTarget,
  messages: number,
  take: (message: NatsMessage, place: StreamPlace) => void,
): Promise<void> {
  let end = (): void => undefined;
  const isOver = new Promise<void>((resolve) => (end = resolve));
  const inbox = new PullInbox(host, link, target, {
    message: (message, place) => {
      take(message, place);
      if (inbox.requested === 0) end();
    },
    answered: () => undefined,
    deposed: () => undefined,
    ended: end,
    doubted: end,
  });
  const callOff = host.clock.schedule(LIMIT_MS, end);
  inbox.open();
  inbox.request(messages, false);
  await isOver;
  callOff();
  await inbox.close();
}
