import type { MessageRecord } from './message-record.js';
import { storyOf } from './story-text.js';
import type { TestWorld } from './test-world.js';

// Why taken now: a test may put fake timers in their place later, and would then wait forever.
const { setImmediate, setTimeout, clearTimeout } = globalThis;

/** Turns of the event loop without anything new after which nothing happens by itself. */
const STILL_TURNS = 5;
/** Actions of the clock that one wait may run: more means that something reschedules itself forever. */
const MOST_ACTIONS = 100_000;

/** How long a handler that runs may keep a clock from moving that somebody moves by hand. */
const PATIENCE_MS = 50;
const soon = (deadline: number): number => Math.min(deadline, performance.now() + PATIENCE_MS);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until work is over, and moves the clock whenever nothing but time is waited for. */
export class Settling {
  readonly #world: TestWorld;

  constructor(world: TestWorld) {
    this.#world = world;
  }

  /**
   * @param left what is not at its end yet; the wait is over when there is none
   * @throws Error with the story of what is left, when it takes longer than `timeoutMs` of real time
   */
  async until(left: () => readonly MessageRecord[], timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (let actions = 0; ;) {
      await this.#untilStill(deadline);
      const open = left();
      if (open.length === 0) return;
      if (performance.now() > deadline || actions > MOST_ACTIONS) throw this.unsettled(open, `within ${timeoutMs} ms`);
      if (this.#world.clock.advanceToNext()) actions++;
      else await this.#change(deadline);
    }
  }

  /** Moves the clock by so much, and lets the work that gets due come to a stand in between; not for long, since it may wait for the clock. */
  async advance(byMs: number, timeoutMs: number): Promise<void> {
    const { clock } = this.#world;
    const deadline = performance.now() + timeoutMs;
    const untilMs = clock.now() + byMs;
    do await this.#untilStill(soon(deadline));
    while (clock.advanceToNext(untilMs));
    clock.advance(untilMs - clock.now());
    await this.#untilStill(soon(deadline));
  }

  /**
   * Waits for a shutdown. Handlers that still run have `timeoutMs` of real time; then the clock is moved, so that the drain ends.
   * @returns what to complain of
   */
  async whileClosing(closed: Promise<void>, timeoutMs: number): Promise<Error | undefined> {
    let isClosed = false;
    const end = (): void => {
      isClosed = true;
      this.#world.touch();
    };
    closed.then(end, end);
    const deadline = performance.now() + timeoutMs;
    while (!isClosed && performance.now() <= deadline) await this.#change(deadline);
    if (isClosed) return undefined;
    const running = [...this.#world.handlers].flatMap(({ records }) => records);
    while (!isClosed && this.#world.clock.advanceToNext()) await turn();
    return this.unsettled(running, `within ${timeoutMs} ms of the close`);
  }

  /** Returns when no handler runs and nothing is on its way, or at the deadline. */
  async #untilStill(deadline: number): Promise<void> {
    for (let still = 0, seen = -1; still < STILL_TURNS && performance.now() <= deadline;) {
      if (this.#world.isBusy) await this.#change(deadline);
      else await turn();
      still = this.#world.activity === seen && !this.#world.isBusy ? still + 1 : 0;
      seen = this.#world.activity;
    }
  }

  #change(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()) + 1);
      this.#world.onChange(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** The error that lists what is left. */
  unsettled(open: readonly MessageRecord[], when: string): Error {
    const handlers = [...this.#world.handlers].map(
      ({ group, records }) =>
        `a handler of group "${group}" runs with ${records.map(({ type, message }) => `${type} ${message.id}`).join(', ')}`,
    );
    const why = handlers.length === 0 ? 'no handler runs, and the clock has nothing to come' : handlers.join('; ');
    const story = open.slice(0, 5).map((record) => storyOf(record, this.#world));
    return new Error(
      `${open.length} message${open.length === 1 ? ' is' : 's are'} not at the end ${when}: ${why}.${this.#world.replayHint}\n${story.join('\n')}`,
    );
  }
}
