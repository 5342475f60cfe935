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
type Line<Name extends NoticeName> = readonly [
  level: Level | ((notice: NoticeMap[Name]) => Level),
  text: (notice: NoticeMap[Name]) => string,
];

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
/** One grep finds every line about a message. Key and payload are left out: both may be personal data. */
const msg = (notice: Message): string => `${sub(notice)} id=${shown(notice.id)} attempt=${notice.attempt}`;

/**
 * What is written for which notice: level and one sentence. `message:acked` has no line: it would be one per message.
 * `subscription:started` has its own (start-lines.ts), and so has what comes many at a time (notice-bursts.ts).
 */
const LINES: { readonly [Name in NoticeName]?: Line<Name> } = {
  'broker:connected': ['log', ({ broker }) => `Connected to broker "${broker}".`],
  'broker:unreachable': [
    'error',
    ({ broker, error }) =>
      `Broker "${broker}" is unreachable; reconnecting. The application is not ready until it is connected. ${error.message}`,
  ],
  'broker:warned': ['warn', ({ broker, warning }) => `Warning: ${warning}. broker=${broker}`],
  'subscription:crashed': [
    'error',
    (notice) => `Subscription crashed; it restarts in ${notice.restartInMs} ms. ${notice.error.message} ${sub(notice)}`,
  ],
  'partition:stalled': [
    'warn',
    (notice) =>
      `Partition ${notice.partition} is stalled at unsettled offset ${notice.unsettledOffset}: ${notice.reason}. ${sub(notice)}`,
  ],
  'subscription:recovered': ['log', (notice) => `Subscription recovered. ${sub(notice)}`],
  'partition:unstalled': ['log', (notice) => `Partition ${notice.partition} resumed. ${sub(notice)}`],
  'subscription:starved': [
    'error',
    (notice) => `Subscription receives nothing, although ${notice.waiting} messages wait on the broker. ${sub(notice)}`,
  ],
  'subscription:receiving': [
    'log',
    (notice) => `Subscription receives messages again, or no messages wait any more. ${sub(notice)}`,
  ],
  'subscription:paused': [
    'warn',
    (notice) => `Subscription paused, no handler starts: ${notice.reason}. ${sub(notice)}`,
  ],
  'subscription:resumed': ['log', (notice) => `Subscription resumed. ${sub(notice)}`],
  'guarantee:lowered': [
    'warn',
    ({ broker, topics, reason }) =>
      `Messages can be lost: ${reason.why}. ${reason.remedy} topics=${topics.join(',')} broker=${broker} reason=${reason.code}`,
  ],
  'commit:failed': ['warn', (notice) => `Offset commit failed; it is retried. ${notice.error.message} ${sub(notice)}`],
  'message:retry-scheduled': [
    'warn',
    (notice) => `Message failed; it is retried in ${notice.delayMs} ms: ${describe(notice.error)}. ${msg(notice)}`,
  ],
  'message:timed-out': [
    'warn',
    (notice) =>
      `Handler still runs after its timeout of ${notice.timeoutMs} ms; the message is retried when it ends. ${msg(notice)}`,
  ],
  // A failed message without a dead-letter topic is lost; `Drop` and an ignored type are what the application wants.
  'message:dropped': [
    ({ error }) => (error === undefined ? 'debug' : 'error'),
    (notice) => `Message ${notice.error === undefined ? 'dropped' : 'discarded'}: ${notice.reason}. ${msg(notice)}`,
  ],
  'message:dead-lettered': [
    'error',
    (notice) => `Message dead-lettered to ${notice.deadLetterTopic}: ${describe(notice.error)}. ${msg(notice)}`,
  ],
  'message:dead-letter-failed': [
    'error',
    (notice) =>
      `Dead letter could not be stored in ${notice.deadLetterTopic}; the original stays unsettled and is retried. ${notice.error.message} ${msg(notice)}`,
  ],
  'settlement:ignored': [
    'debug',
    (notice) =>
      `Settlement (${notice.settlement}) had no effect: the message was already settled or redelivered. ${msg(notice)}`,
  ],
  'settlement:failed': [
    'warn',
    (notice) => `Settlement failed; the message can be delivered again. ${notice.error.message} ${msg(notice)}`,
  ],
  // Why a warning: the publisher gets the error too, as a rejection.
  'publish:failed': [
    'warn',
    ({ broker, topic, messages, error }) =>
      `${messages} message(s) could not be published. ${error.message} topic=${topic} broker=${broker}`,
  ],
  'drain:started': [
    'log',
    ({ broker, inFlight, timeoutMs }) =>
      `Draining broker "${broker}": ${inFlight} message(s) in flight, timeout ${timeoutMs} ms.`,
  ],
  'drain:finished': [
    'log',
    ({ broker, unsettled, durationMs }) =>
      unsettled === 0
        ? `Drained broker "${broker}" in ${durationMs} ms.`
        : `Drained broker "${broker}" in ${durationMs} ms; ${unsettled} unsettled message(s) will be redelivered.`,
  ],
};

/** Writes the transport's notices to a log. */
export function logNotices(notices: Notices, log: TransportLog): void {
  for (const name of Object.keys(LINES) as NoticeName[]) listen(name, notices, log);
  logBursts(notices, log);
}

function listen<Name extends NoticeName>(name: Name, notices: Notices, log: TransportLog): void {
  const [given, text] = LINES[name] as Line<Name>;
  notices.on(name, (notice) => {
    const level = typeof given === 'function' ? given(notice) : given;
    if (level === 'error') log.error(text(notice), stackIn(notice));
    else log[level](text(notice));
  });
}

/** The stack of what a handler threw, written once, when its message is dead-lettered. The messages of our own errors are complete. */
function stackIn(notice: object): string | undefined {
  const { error, deadLetterTopic } = notice as { error?: unknown; deadLetterTopic?: string };
  return deadLetterTopic === undefined || isTransportError(error) ? undefined : stackOf(error);
}

/** A thrown object may hold a payload, so only its explanation is shown. */
function describe(error: unknown): string {
  return isA(error, Error) ? `${nameOf(error)}: ${explanationOf(error)}` : explanationOf(error);
}
