import { randomUUID } from 'node:crypto';
import { mailboxOf, replyMessage, type Delivery, type Producer, type Reply } from '../../contract/index.js';

/** Replies to a request; rejects if the reply could not be stored. */
export type Answer = (reply: Reply) => void | Promise<void>;

/** Returns how to reply to a delivery: natively, otherwise to the mailbox it names. Undefined if nobody waits. */
export function answerTo(delivery: Delivery, producer: Producer): Answer | undefined {
  const own = delivery.reply;
  if (own !== undefined) return own;
  const mailbox = mailboxOf(delivery);
  if (mailbox === undefined) return undefined;
  let index = 0;
  return async (reply) => {
    const [result] = await producer.send([replyMessage(mailbox, randomUUID(), reply, index++)]);
    if (result instanceof Error) throw result;
  };
}
