import type { UsersFolder } from './users-folder.js';
import { ON_MEMORY, usersModule, usersService } from './users-service.js';

/** Runs the user's service up to its orderly end on SIGTERM, and returns what it printed. */
export async function liveAndDrain(folder: UsersFolder, script: string, topic = 'order.created'): Promise<string> {
  const program = folder.start(script);
  await program.printed(`received o-1 of ${topic} as stock`);
  await program.printed('received o-2');
  program.kill('SIGTERM');
  expect({ ended: await program.exited, output: program.output }).toMatchObject({ ended: 0 });
  expect(program.output).toMatch(/finished o-2 with the pool open[^]*pool closed/);
  return program.output;
}

/** What holds for a user of either Nest; each folder has its own way to import. */
export function promisesToUsers(folder: () => UsersFolder): void {
  it('starts on the memory broker, receives what it publishes, drains on SIGTERM and ends with 0', async () => {
    await liveAndDrain(folder(), folder().compile('service', usersService(ON_MEMORY)));
  });

  it('is one copy for import and require', () => {
    const script = `
      const { createRequire } = process.getBuiltinModule('node:module');
      const { join } = process.getBuiltinModule('node:path');
      const required = createRequire(join(process.cwd(), 'x.js'));
      const names = ['nest-transport', 'nest-transport/memory', 'nest-transport/kafka', 'nest-transport/codecs', 'nest-transport/testing', 'nest-transport/conformance'];
      Promise.all(names.map((name) => import(name))).then((imported) => {
        const same = (each, index) => Object.keys(each).every((key) => key === 'default' || each[key] === required(names[index])[key]);
        const kept = imported.map((each, index) => Object.keys(each).length > 0 && same(each, index));
        const { TransportError, isTransportError } = imported[0];
        const error = new (required(names[0]).TransportError)('TRANSPORT_CLOSED', 'x');
        console.log(JSON.stringify({ kept, known: error instanceof TransportError && isTransportError(error) }));
      });`;
    expect(folder().evaluate(script)).toEqual({ kept: [true, true, true, true, true, true], known: true });
  });

  it('is described by npx, without being started, and refused below a level', () => {
    folder().compile('dist/app.module', usersModule(ON_MEMORY));
    const { code, stdout, stderr } = folder().npx('nest-transport', 'describe', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      service: 'stock',
      subscriptions: [{ topic: 'order.created', group: 'stock', guarantee: { level: 'may-lose' } }],
    });
    const refused = folder().npx(
      'nest-transport',
      'describe',
      '--app',
      'dist/app.module.js',
      '--fail-below',
      'at-least-once',
    );
    expect({ code: refused.code, stderr: refused.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('topic "order.created" of group "stock" is may-lose, below at-least-once'),
    });
  });

  it('says which package is missing and how to install it, when Kafka is asked for without kafkajs', async () => {
    const broker = {
      import: "import { kafka } from 'nest-transport/kafka';",
      value: "kafka({ brokers: ['127.0.0.1:1'] })",
      http: false,
    };
    const program = folder().start(folder().compile('kafka-service', usersService(broker)));
    expect({ ended: await program.exited, output: program.output }).toEqual({
      ended: 1,
      output: expect.stringMatching(
        /needs the package "kafkajs"\. Run: npm install kafkajs \(TRANSPORT_PEER_MISSING\)/,
      ),
    });
  });
}
