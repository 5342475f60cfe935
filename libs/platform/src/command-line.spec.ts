import { describeFlags, readFlags, UsageError, type Flag } from './command-line.js';
import { readServiceOptions } from './service-options.js';

const FLAGS = {
  broker: { value: 'memory|kafka', about: 'which broker' },
  json: { about: 'machine-readable' },
} as const satisfies Record<string, Flag>;

describe('readFlags', () => {
  test('reads values after a space and after an equals sign, and switches', () => {
    expect(readFlags('demo', FLAGS, ['--broker', 'kafka', '--json'])).toEqual({ broker: 'kafka', json: true });
    expect(readFlags('demo', FLAGS, ['--broker=kafka'])).toEqual({ broker: 'kafka' });
    expect(readFlags('demo', FLAGS, [])).toEqual({});
  });

  test.each([
    [['--brokr', 'kafka'], 'demo has no flag "--brokr". It takes --broker, --json.'],
    [['kafka'], 'demo does not know what to do with "kafka". It takes --broker, --json.'],
    [['--broker'], 'demo: --broker needs a value: --broker memory|kafka.'],
    [['--broker', '--json'], 'demo: --broker needs a value: --broker memory|kafka.'],
    [['--json=yes'], 'demo: --json takes no value, got "yes".'],
    [['--constructor'], 'demo has no flag "--constructor". It takes --broker, --json.'],
  ])('refuses %j with a sentence', (argv, sentence) => {
    expect(() => readFlags('demo', FLAGS, argv)).toThrow(new UsageError(sentence));
  });

  test('prints one line a flag', () => {
    expect(describeFlags('npm run demo --', FLAGS)).toBe(
      'npm run demo -- [flags]\n\n  --broker memory|kafka  which broker\n  --json                 machine-readable\n',
    );
  });
});

describe('readServiceOptions', () => {
  const read = (argv: string[], env: NodeJS.ProcessEnv = {}) => readServiceOptions('order-service', 3001, argv, env);

  test('takes defaults where nothing is said', () => {
    const rest = { port: 3001, databaseUrl: undefined, help: false };
    expect(read([])).toEqual({ ...rest, broker: 'kafka', brokers: ['localhost:9092'] });
    expect(read(['--broker', 'nats'])).toEqual({ ...rest, broker: 'nats', brokers: ['localhost:4222'] });
  });

  test('lets a flag win over the environment', () => {
    const env = { PORT: '1', KAFKA_BROKERS: 'a:1', DATABASE_URL: 'postgres://db/shop' };
    expect(read(['--port', '2', '--brokers', 'b:1,c:2'], env)).toMatchObject({ port: 2, brokers: ['b:1', 'c:2'] });
    expect(read([], env)).toMatchObject({ port: 1, brokers: ['a:1'], databaseUrl: 'postgres://db/shop' });
    expect(read(['--broker', 'nats'], { ...env, NATS_URL: 'nats://b:4222' }).brokers).toEqual(['nats://b:4222']);
  });

  test.each([
    [['--broker', 'memory'], /lives inside one process.*npm run demo/],
    [['--broker', 'carrier-pigeon'], /no broker "carrier-pigeon" here; --broker takes kafka/],
    [['--port', 'http'], /number from 0 .* to 65535, got "http"/],
    [['--port', '65536'], /got "65536"/],
    [['--brokers', 'localhost'], /host:port.*got "localhost"/],
  ])('refuses %j with a sentence', (argv, sentence) => {
    expect(() => read(argv)).toThrow(UsageError);
    expect(() => read(argv)).toThrow(sentence);
  });
});
