import { SourceProcess } from '../e2e/source-process.js';
import { afterwards, closeAll, connected, message, sharedBrokers, uniqueName, until } from './support.js';
import type { Attempt, TiersOrder } from './tiers-order.js';

afterEach(closeAll);

const MESSAGES = 30;
/** n.b. longer than the broker waits for a killed member, so that another one has to wait for the rest of it. */
const WAIT_MS = 12_000;
const CLOCK_SLACK_MS = 5;

class Service {
  readonly #process: SourceProcess;

  constructor(order: TiersOrder) {
    this.#process = new SourceProcess('test/kafka/tiers-process.ts', [JSON.stringify(order)]);
    afterwards(() => this.#process.end());
  }

  async started(): Promise<this> {
    await this.#process.printed(/"started"/);
    return this;
  }

  get #lines(): readonly object[] {
    return this.#process.lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as object);
  }

  get attempts(): readonly Attempt[] {
    return this.#lines.filter((line): line is Attempt => 'attempt' in line);
  }

  /** Ids of messages of which the copy is stored. */
  get waiting(): ReadonlySet<string> {
    return new Set(this.#lines.flatMap((line) => ('id' in line && 'what' in line ? [String(line.id)] : [])));
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }
}

/** The first moment at which each message had this attempt. */
function firstOf(attempts: readonly Attempt[], number: number): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const { id, attempt, at } of attempts) if (attempt === number && !first.has(id)) first.set(id, at);
  return first;
}

it('messages that wait between tiers outlive the SIGKILL of their process: none is lost, none is early, few come twice', async () => {
  const order = { brokers: sharedBrokers(), waitMs: WAIT_MS, mostRepeated: 10 };
  const names = { topic: uniqueName('paid'), group: uniqueName('bank') };
  const publisher = await connected({ provision: { partitions: 3 } });
  await publisher.connection.ensureTopics([names.topic], 'publish');
  const messages = Array.from({ length: MESSAGES }, (_, n) =>
    message(names.topic, { key: `k${n}`, body: Buffer.from('{}') }),
  );
  for (const result of await publisher.send(...messages)) if (result instanceof Error) throw result;

  const killed = await new Service({ ...order, ...names }).started();
  await until('all messages wait', () => killed.waiting.size === MESSAGES);
  await killed.kill();
  const next = await new Service({ ...order, ...names }).started();
  await until('all were tried again', () => firstOf(next.attempts, 2).size === MESSAGES);

  const attempts = [...killed.attempts, ...next.attempts];
  const [first, second] = [firstOf(attempts, 1), firstOf(attempts, 2)];
  const waits = [...second].map(([id, at]) => at - (first.get(id) ?? 0));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(WAIT_MS - CLOCK_SLACK_MS);
  expect(killed.attempts.filter(({ attempt }) => attempt > 1)).toEqual([]);
  const repeated = attempts.filter(({ attempt }) => attempt === 1).length - MESSAGES;
  expect(repeated).toBeLessThanOrEqual(order.mostRepeated);
  const places = new Map(attempts.map(({ id, from, place }) => [`${id} ${from} ${place}`, id]));
  expect(places.size).toBe(MESSAGES);
});
