import type { INestMicroservice } from '@nestjs/common';
import { createTransportApp, Notices, Publisher } from 'nest-transport';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { SourceProcess } from './source-process.js';
import { until } from './until.js';

const topic = uniqueName('letters');
process.env['LETTERS_TOPIC'] = topic;

/** The command as a user runs it, against an application that does not run meanwhile. */
async function deadLetters(command: string, ...args: readonly string[]) {
  const all = ['dead-letters', command, topic, '--app', 'test/e2e/letters.module.ts', ...args];
  const program = new SourceProcess('libs/transport/src/cli/main.ts', all, { LETTERS_TOPIC: topic });
  const code = await program.exited;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

const idsLeft = async (): Promise<unknown> =>
  (JSON.parse((await deadLetters('list', '--json')).stdout) as { id: string }[]).map(({ id }) => id);

describe('npx nest-transport dead-letters', () => {
  let app: INestMicroservice | undefined;

  async function start() {
    // n.b. only now: the module reads its names when it is loaded.
    const { Shelves, ShopModule } = await import('./letters.module.js');
    app = await createTransportApp(ShopModule, { http: false, exitOnSignal: false, logger: false });
    return { app, Shelves };
  }
  afterEach(() => app?.close());

  test('lists, counts, sends back and throws away, and starts no handler', async () => {
    const failing = await start();
    let failed = 0;
    failing.app.get(Notices).on('message:dead-lettered', () => failed++);
    await failing.app.listen();
    for (const id of ['one', 'two', 'odd']) {
      await failing.app.get(Publisher).publish(topic, { id }, { id, headers: { tenant: 'acme' } });
    }
    await until(
      'three dead letters',
      async () => failed,
      (count) => count === 3,
    );
    await failing.app.close();

    const listed = await deadLetters('list');
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toContain(`3 dead letters in ${topic}.shop.dead-letter\n`);
    expect(listed.stdout).toMatch(/^one +- +shop +1 .* RangeError: shelf 7 is full$/m);
    const [most] = JSON.parse((await deadLetters('count', '--json')).stdout) as [
      { fingerprint: string; count: number },
    ];
    expect(most).toMatchObject({ fingerprint: 'RangeError: shelf <number> is full', count: 2 });

    const dry = await deadLetters('discard', '--fingerprint', 'TypeError: no shelf', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: `Would discard 1 dead letter of ${topic}.shop.dead-letter\n  odd\n` });
    expect(await deadLetters('discard', '--fingerprint', 'TypeError: no shelf', '--yes')).toMatchObject({ code: 0 });
    expect(await deadLetters('replay', '--id', 'one', '--id', 'none')).toMatchObject({
      code: 1,
      stdout: `Sent back 1 dead letter of ${topic}.shop.dead-letter\n  one\n`,
      stderr: expect.stringContaining('There is no dead letter none'),
    });
    // Had a command started the handler, it would have failed there and been a dead letter again.
    expect(await idsLeft()).toEqual(['two']);
    const rest = await deadLetters('replay', '--all', '--per-second', '50', '--json');
    const wanted = { topic: `${topic}.shop.dead-letter`, dryRun: false, done: ['two'], left: [] };
    expect([rest.code, JSON.parse(rest.stdout)]).toEqual([0, wanted]);

    const cured = await start();
    cured.Shelves.isCured = true;
    await cured.app.listen();
    await until(
      'what was sent back is handled',
      async () => cured.Shelves.received,
      ({ length }) => length > 1,
    );
    expect([...cured.Shelves.received].sort()).toEqual(['one', 'two']);
  }, 60_000);
});
