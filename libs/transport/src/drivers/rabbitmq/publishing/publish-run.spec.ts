import { setImmediate as turn } from 'node:timers/promises';
import { MAX_UNCONFIRMED, type ConfirmedChannel, type Fate, type Parcel } from './confirmed-channel.js';
import type { Entry, Request } from './publish-request.js';
import { PublishRun, type RunSource } from './publish-run.js';

/** A channel whose confirms the test sends. */
class ScriptedChannel {
  readonly published: string[] = [];
  readonly #open: ((fate: Fate) => void)[] = [];
  isOpen = true;

  publish({ routingKey }: Parcel, onFate: (fate: Fate) => void): boolean {
    if (!this.isOpen) {
      onFate('lost');
      return false;
    }
    this.published.push(routingKey);
    this.#open.push(onFate);
    return true;
  }

  async confirm(count: number, fate: Fate = 'stored'): Promise<void> {
    for (const onFate of this.#open.splice(0, count)) onFate(fate);
    await turn();
  }

  async lose(): Promise<void> {
    this.isOpen = false;
    await this.confirm(Infinity, 'lost');
  }
}

let made = 0;
const entry = (name: string, key?: string): Entry =>
  ({ index: made++, message: { key }, parcel: { routingKey: name }, written: false }) as unknown as Entry;
const entries = (count: number, from = 0): Entry[] =>
  Array.from({ length: count }, (_, index) => entry(String(from + index)));
const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index));

function running(lanes: number, first: readonly Entry[], waiting: Entry[] = []) {
  const channels = Array.from({ length: lanes }, () => new ScriptedChannel());
  const stored: string[] = [];
  const source: RunSource = {
    more: (limit) => waiting.splice(0, limit),
    stored: ({ parcel }) => stored.push(parcel.routingKey),
  };
  const request = { results: [] } as unknown as Request;
  const run = new PublishRun(channels as unknown as ConfirmedChannel[], first, request, source).run();
  return { channels, channel: channels[0] as ScriptedChannel, run, stored };
}

describe('publishes on a channel', () => {
  it('keep the window full: each confirm makes room for the next message, including newly published ones', async () => {
    const { channel, run, stored } = running(1, entries(MAX_UNCONFIRMED), entries(3, MAX_UNCONFIRMED));
    expect(channel.published).toHaveLength(MAX_UNCONFIRMED);
    await channel.confirm(2);
    expect(channel.published).toEqual(range(0, MAX_UNCONFIRMED + 2));
    await channel.confirm(MAX_UNCONFIRMED);
    await channel.confirm(1);
    const [lane] = await run;
    expect(lane?.entries.map(({ fate }) => fate)).toEqual(Array<Fate>(MAX_UNCONFIRMED + 3).fill('stored'));
    expect(stored).toEqual(range(0, MAX_UNCONFIRMED + 3));
  });

  it('add nothing new after a loss, because lost messages must be sent first', async () => {
    const waiting: Entry[] = [];
    const { channel, run } = running(1, entries(2), waiting);
    waiting.push(...entries(3, 2));
    await channel.lose();
    await run;
    expect(channel.published).toEqual(['0', '1']);
    expect(waiting).toHaveLength(3);
  });

  it('report what was never written as lost, and not as written', async () => {
    const first = entries(MAX_UNCONFIRMED + 1);
    const { channel, run } = running(1, first);
    await channel.lose();
    await run;
    expect(first.at(0)).toMatchObject({ fate: 'lost', written: true });
    expect(first.at(-1)).toMatchObject({ fate: 'lost', written: false });
  });
});

describe('a channel that closes in the moment of a publish', () => {
  it('reports the message as lost, not as rejected: an earlier attempt may have stored it', async () => {
    const [first] = entries(1) as [Entry];
    const ended = Object.assign(new Error('Channel closed'), { name: 'IllegalOperationError' });
    const channel = {
      isOpen: true,
      publish: () => {
        throw ended;
      },
    };
    const request = { results: [] } as unknown as Request;
    const source: RunSource = { more: () => [], stored: () => undefined };
    await new PublishRun([channel as unknown as ConfirmedChannel], [first], request, source).run();
    expect([first.fate, request.results]).toEqual(['lost', []]);
  });
});

describe('publishes on several channels', () => {
  it('keep all messages of a key, and all without a key, on one of them', async () => {
    const keys = [undefined, 'a', 'b', 'c', 'd', 'e'];
    const first = Array.from({ length: 60 }, (_, n) => entry(String(keys[n % keys.length]), keys[n % keys.length]));
    const { channels, run } = running(4, first);
    for (const channel of channels) await channel.confirm(Infinity);
    await run;
    const places = keys.map((key) => channels.filter(({ published }) => published.includes(String(key))).length);
    expect(places).toEqual([1, 1, 1, 1, 1, 1]);
    expect(channels[0]?.published).toContain('undefined');
    expect(channels.filter(({ published }) => published.length > 0).length).toBeGreaterThan(1);
  });

  it('hold as many unconfirmed messages on each of them, and no more', () => {
    const first = Array.from({ length: 4_000 }, (_, n) => entry(String(n), `key-${n}`));
    const { channels } = running(4, first);
    expect(channels.map(({ published }) => published.length)).toEqual(Array(4).fill(MAX_UNCONFIRMED));
  });

  it('continue on the others when one channel closes', async () => {
    const first = Array.from({ length: 400 }, (_, n) => entry(String(n), `key-${n}`));
    const { channels, run } = running(4, first);
    await channels[1]?.lose();
    for (const channel of channels) await channel.confirm(Infinity);
    const lanes = await run;
    const fates = lanes.map((lane) => [...new Set(lane.entries.map(({ fate }) => fate))]);
    expect(fates).toEqual([['stored'], ['lost'], ['stored'], ['stored']]);
  });
});
