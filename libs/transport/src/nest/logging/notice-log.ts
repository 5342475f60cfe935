import {
  explanationOf,
  isA,
  isTransportError,
  nameOf,
  shown,
  stackOf,
  type NoticeMap,
  type NoticeName,
  type Notices,
} from '../../contract/index.js';
import { logBursts } from './notice-bursts.js';
import type { TransportLog } from './transport-log.js';

type Level = 'log' | 'warn' | 'error' | 'debug';
type Line<Name extends NoticeName> = readonly [level: Level, text: (notice: NoticeMap[Name]) => string];

interface Subscription {
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
}
interface Message extends Subscription {
  readonly id: string;
  readonly attempt: number;
}

/** One grep finds a subscription. */
const sub = ({ topic, group, broker }: Subscription): string => `topic=${topic} group=${group} broker=${broker}`;
/** One grep finds the life of a message. n.b. no key and no payload: both may be personal data. */
const msg = (notice: Message): string => `${sub(notice)} id=${shown(notice.id)} attempt=${notice.attempt}`;

/**
 * What is written for which notice: level and one sentence. `message:acked` has no line: it would be one per message.
 * `subscription:started` has its own (start-lines.ts), and so has what comes many at a time (notice-bursts.ts).
 */
const LINES: { readonly [Name in NoticeName]?: Line<Name> } = {
  'broker:connected': ['log', ({ broker }) => `Connected to broker "${broker}".`],
  'broker:unreachable': [
    'error',
    ({ broker, error }) => `Broker "${broker}" is away; trying on, not ready meanwhile. ${error.message}`,
  ],
  'broker:warned': ['warn', ({ broker, warning }) => `Take care: ${warning}. broker=${broker}`],
  'subscription:crashed': [
    'error',
    (notice) =>
      `Subscription crashed, a new one starts in ${notice.restartInMs} ms. ${notice.error.message} ${sub(notice)}`,
  ],
  'partition:stalled': [
    'warn',
    (notice) =>
      `Intake of partition ${notice.partition} waits for offset ${notice.unsettledOffset}: ${notice.reason}. ${sub(notice)}`,
  ],
  'subscription:recovered': ['log', (notice) => `Consumes again. ${sub(notice)}`],
  'partition:unstalled': ['log', (notice) => `Intake of partition ${notice.partition} goes on. ${sub(notice)}`],
  'subscription:starved': [
    'error',
    (notice) => `Receives nothing, although the broker holds ${notice.waiting} messages for it. ${sub(notice)}`,
  ],
  'subscription:receiving': ['log', (notice) => `Receives messages again, or none wait any more. ${sub(notice)}`],
  'subscription:paused': ['warn', (notice) => `Paused, no handler begins: ${notice.reason}. ${sub(notice)}`],
  'subscription:resumed': ['log', (notice) => `Goes on after a pause. ${sub(notice)}`],
  'guarantee:lowered': [
    'warn',
    ({ broker, topics, reason }) =>
      `Take care, messages may be lost: ${reason.why}. ${reason.remedy} topics=${topics.join(',')} broker=${broker} reason=${reason.code}`,
  ],
  'commit:failed': ['warn', (notice) => `A commit failed and is tried again. ${notice.error.message} ${sub(notice)}`],
  'message:retry-scheduled': [
    'warn',
    (notice) =>
      `A message failed and is tried again in ${notice.delayMs} ms: ${describe(notice.error)}. ${msg(notice)}`,
  ],
  'message:timed-out': [
    'warn',
    (notice) => `A handler still runs after ${notice.timeoutMs} ms; its message waits for it. ${msg(notice)}`,
  ],
  'message:dropped': ['debug', (notice) => `A message was dropped: ${notice.reason}. ${msg(notice)}`],
  'message:dead-lettered': [
    'error',
    (notice) =>
      `A message was given up and stored in ${notice.deadLetterTopic}: ${describe(notice.error)}. ${msg(notice)}`,
  ],
  'message:dead-letter-failed': [
    'error',
    (notice) =>
      `A dead letter could not be stored in ${notice.deadLetterTopic}; its original stays unsettled. ${notice.error.message} ${msg(notice)}`,
  ],
  'settlement:ignored': [
    'debug',
    (notice) => `A settlement (${notice.settlement}) came too late and did nothing. ${msg(notice)}`,
  ],
  'settlement:failed': ['warn', (notice) => `A settlement failed. ${notice.error.message} ${msg(notice)}`],
  // Why a warning: whoever published is told by the rejection, too.
  'publish:failed': [
    'warn',
    ({ broker, topic, messages, error }) =>
      `${messages} message(s) were not published. ${error.message} topic=${topic} broker=${broker}`,
  ],
  'drain:started': [
    'log',
    ({ broker, inFlight, timeoutMs }) =>
      `Draining broker "${broker}": ${inFlight} message(s) in flight, at most ${timeoutMs} ms.`,
  ],
  'drain:finished': [
    'log',
    ({ broker, unsettled, durationMs }) =>
      unsettled === 0
        ? `Drained broker "${broker}" in ${durationMs} ms.`
        : `Drained broker "${broker}" in ${durationMs} ms; ${unsettled} message(s) are left and will be delivered again.`,
  ],
};

/** Writes the transport's notices to a log. */
export function logNotices(notices: Notices, log: TransportLog): void {
  for (const name of Object.keys(LINES) as NoticeName[]) listen(name, notices, log);
  logBursts(notices, log);
}

function listen<Name extends NoticeName>(name: Name, notices: Notices, log: TransportLog): void {
  const [level, text] = LINES[name] as Line<Name>;
  notices.on(name, (notice) => {
    if (level === 'error') log.error(text(notice), stackIn(notice));
    else log[level](text(notice));
  });
}

/** The stack of what a handler threw, written once: when its message is given up. Our own errors say all in their message. */
function stackIn(notice: object): string | undefined {
  const { error, deadLetterTopic } = notice as { error?: unknown; deadLetterTopic?: string };
  return deadLetterTopic === undefined || isTransportError(error) ? undefined : stackOf(error);
}

/** n.b. an object that was thrown may hold a payload: only what explains it is shown. */
function describe(error: unknown): string {
  return isA(error, Error) ? `${nameOf(error)}: ${explanationOf(error)}` : explanationOf(error);
}
