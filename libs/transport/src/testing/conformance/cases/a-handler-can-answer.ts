import assert from 'node:assert/strict';
import { answerTo } from '../../../consuming/index.js';
import type { OutgoingMessage, Reply } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';

const REFUSED: Reply = {
  ...{ kind: 'error', name: 'NotFoundException', message: 'no such "sku": größer' },
  content: JSON.stringify({ status: 404, response: { message: 'größer\n' } }),
};

export const aHandlerCanAnswer: ConformanceCase = {
  name: 'a-handler-can-answer',
  title: 'delivers every response to its requester, in order, and none after the requester stopped listening',
  capability: 'requestReply',
  async run(stage) {
    const asker = await stage.open();
    const { requests } = asker.publisher;
    const left = stage.gate();
    const responder = await stage.subscribe({
      handle: async (payload, delivery) => {
        if (payload === 'left') await left.opened;
        const reply = answerTo(delivery, asker.connection.producer);
        assert.ok(reply, 'the delivery of a request can be answered');
        if (payload === 'c') return reply(REFUSED);
        for (const text of ['one', 'two']) {
          await reply({
            kind: 'value',
            body: Buffer.from(JSON.stringify(`${text} ${payload as string}`)),
            last: text === 'two',
          });
        }
      },
    });
    const messageOf = (question: string): OutgoingMessage => ({
      ...{ topic: stage.topic, key: undefined, headers: undefined, partition: undefined, id: question },
      body: Buffer.from(JSON.stringify(question)),
    });
    const repliesTo = async (question: string, count: number): Promise<Reply[]> => {
      const answers: Reply[] = [];
      let failure: Error | undefined;
      const onReply = (reply: Reply): void => {
        answers.push(reply);
        stage.watch.changed();
      };
      const onFailure = (error: Error): void => {
        failure = error;
        stage.watch.changed();
      };
      const stop = requests.send(messageOf(question), { onReply, onFailure });
      const isOver = (): boolean => failure !== undefined || answers.length >= count;
      await stage.until(`${count} answers to "${question}" arrive`, isOver);
      stop();
      assert.equal(failure, undefined);
      return answers;
    };
    const ask = async (question: string): Promise<string[]> => {
      const answers = await repliesTo(question, 2);
      return answers.map((answer) =>
        answer.kind === 'value' ? (JSON.parse(answer.body.toString()) as string) : answer.kind,
      );
    };
    const [a, b] = await Promise.all([ask('a'), ask('b')]);
    assert.deepEqual(a, ['one a', 'two a']);
    assert.deepEqual(b, ['one b', 'two b'], 'answers do not cross');
    assert.deepEqual(await repliesTo('c', 1), [REFUSED], 'an error arrives with its name and message');

    const late: Reply[] = [];
    const onLate = (reply: Reply): void => void late.push(reply);
    // Asked of the driver itself where it has a requester: the library would hide a reply that comes too late.
    const { requester } = asker.connection;
    const leave =
      requester === undefined
        ? requests.send(messageOf('left'), { onReply: onLate, onFailure: () => undefined })
        : await requester.request(messageOf('left'), onLate);
    await stage.until('the request is handled', () => responder.running > 0);
    leave();
    left.open();
    await responder.untilSettled(4);
    await ask('d');
    assert.deepEqual(late, [], 'a requester that has left gets no answer');
  },
};
