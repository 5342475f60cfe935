import { TopicOrder } from './topic-order.js';

/** Tasks that end when the test ends them. */
class Tasks {
  readonly order = new TopicOrder();
  readonly started: string[] = [];
  readonly #ends = new Map<string, (error?: Error) => void>();

  run(name: string, ...topics: string[]): Promise<string> {
    return this.order.run(new Set(topics), () => {
      this.started.push(name);
      return new Promise((resolve, reject) =>
        this.#ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error))),
      );
    });
  }

  async end(name: string, error?: Error): Promise<void> {
    this.#ends.get(name)?.(error);
    await new Promise(setImmediate);
  }
}

describe('the order of sends per topic', () => {
  it('starts a task when the earlier ones of its topic have ended, whether they failed or not', async () => {
    const tasks = new Tasks();
    const first = tasks.run('first', 'a');
    const second = tasks.run('second', 'a');
    void tasks.run('third', 'a');
    expect(tasks.started).toEqual(['first']);
    const failed = expect(first).rejects.toThrow('lost');
    await tasks.end('first', new Error('lost'));
    await failed;
    expect(tasks.started).toEqual(['first', 'second']);
    await tasks.end('second');
    await expect(second).resolves.toBe('second');
    expect(tasks.started).toEqual(['first', 'second', 'third']);
  });

  it('runs tasks of different topics concurrently', () => {
    const tasks = new Tasks();
    void tasks.run('first', 'a');
    void tasks.run('second', 'b');
    expect(tasks.started).toEqual(['first', 'second']);
  });

  it('starts a task of several topics when all of them are free, and blocks all of them', async () => {
    const tasks = new Tasks();
    void tasks.run('a', 'a');
    void tasks.run('b', 'b');
    void tasks.run('both', 'a', 'b');
    void tasks.run('after', 'b');
    await tasks.end('b');
    expect(tasks.started).toEqual(['a', 'b']);
    await tasks.end('a');
    expect(tasks.started).toEqual(['a', 'b', 'both']);
    await tasks.end('both');
    expect(tasks.started).toEqual(['a', 'b', 'both', 'after']);
  });
});
