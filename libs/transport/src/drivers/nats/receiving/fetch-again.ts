import type { BrokerHost } from '../../../contract/index.js';
import type { Link } from '../client/link.js';
import type { NatsMessage, StreamPlace } from '../mapping.js';
import { PullInbox, type PullTarget } from './pull-inbox.js';

/** How long the server may take for what it has at hand. */
const LIMIT_MS = 500;

/**
 * Asks once for messages that wait to be delivered again, from a consumer that nobody else reads.
 * @param take is given what comes
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
      if (inbox.asked === 0) end();
    },
    answered: () => undefined,
    deposed: () => undefined,
    ended: end,
    doubted: end,
  });
  const callOff = host.clock.schedule(LIMIT_MS, end);
  inbox.open();
  inbox.ask(messages, false);
  await isOver;
  callOff();
  await inbox.close();
}
