import { randomUUID } from 'node:crypto';
import { mailboxOf, replyMessage, type Delivery, type Producer, type Reply } from '../../contract/index.js';

/** Answers the sender of a request; rejects when the answer could not be stored. */
export type Answer = (reply: Reply) => void | Promise<void>;

/** How to answer a delivery: by the broker's own means, else to the mailbox it names. Undefined when nobody waits. */
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
