import { messageOf } from '../../contract/index.js';
import type { Happening, MessageRecord } from './message-record.js';
import type { TestWorld } from './test-world.js';

/** Whether somebody may still handle it, or it is still on its way. */
export const isOpen = (record: MessageRecord, world: TestWorld): boolean =>
  record.state === 'publishing' || world.readers.awaited(record).length > 0;

/**
 * What became of a message and of those it caused, for people:
 *
 * ```
 * order.created 0197... key "o-1", published by the test at 0 ms
 *   inventory: attempt 1 failed: Error: the database is away; again after 137 ms
 *   inventory: attempt 2 acked at 137 ms
 *   -> stock.reserved 0197..., published at 137 ms
 *     nobody subscribes to it
 * ```
 */
export const storyOf = (record: MessageRecord, world: TestWorld): string => storyLines(record, world).join('\n');

function storyLines(record: MessageRecord, world: TestWorld): string[] {
  const caused = record.caused.flatMap((each) => {
    const [first = '', ...rest] = storyLines(each, world);
    return [`-> ${first}`, ...rest];
  });
  return [headline(record), ...[...linesOf(record, world), ...caused].map((line) => `  ${line}`)];
}

function headline({ type, message, isRoot, atMs, state, isDeadLetter, causes }: MessageRecord): string {
  const name = isDeadLetter ? `dead letter in ${message.topic}` : type;
  const where = isDeadLetter || type === message.topic ? '' : ` on ${message.topic}`;
  const key = message.key === undefined ? '' : ` key "${message.key}"`;
  const by = isRoot ? ' by the test' : causes.length === 0 && !isDeadLetter ? ' by nobody known' : '';
  const ended = state === 'stored' ? '' : `, ${state === 'publishing' ? 'not confirmed yet' : state}`;
  return `${name}${where} ${message.id}${key}, published${by} at ${atMs} ms${ended}`;
}

function linesOf(record: MessageRecord, world: TestWorld): string[] {
  const told = record.happenings.filter(({ what }) => what !== 'delivered').map(sentence);
  const running = [...world.handlers].filter(({ records }) => records.includes(record)).map(({ group }) => group);
  const awaited = world.readers.awaited(record).map(({ group }) => group);
  const waiting = awaited
    .filter((group) => !running.includes(group))
    .map((group) => `${group}: ${whyOpen(record, group)}`);
  const nobody = record.groups.length === 0 && !record.isDeadLetter ? ['nobody subscribes to it'] : [];
  return [...told, ...running.map((group) => `${group}: its handler runs`), ...waiting, ...nobody];
}

const whyOpen = ({ happenings }: MessageRecord, group: string): string =>
  happenings.some((each) => each.group === group) ? 'not settled yet' : 'not delivered yet';

function sentence(happening: Happening): string {
  const { atMs, group } = happening;
  switch (happening.what) {
    case 'delivered':
      return `${group}: attempt ${happening.attempt} delivered`;
    case 'acked':
      return `${group}: attempt ${happening.attempt} acked at ${atMs} ms`;
    case 'retried':
      return `${group}: attempt ${happening.attempt} failed: ${textOf(happening.error)}; again after ${happening.delayMs} ms`;
    case 'dropped':
      return `${group}: attempt ${happening.attempt} dropped at ${atMs} ms: ${happening.reason}`;
    case 'dead-lettered':
      return `${group}: attempt ${happening.attempt} failed: ${textOf(happening.error)}; given up at ${atMs} ms`;
    case 'dead-letter-failed':
      return `${group}: its dead letter could not be stored at ${atMs} ms`;
    case 'not-settled':
      return `${group}: attempt ${happening.attempt} ended at ${atMs} ms, but its settlement did not arrive`;
    case 'fault':
      return `${group === '' ? '' : `${group}: `}fault ${happening.kind} at ${atMs} ms`;
  }
}

const textOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : messageOf(error);
