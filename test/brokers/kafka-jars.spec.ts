import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KAFKA_VERSION } from './kafka/jars.mjs';

const kafkaModule = fileURLToPath(new URL('./kafka.mjs', import.meta.url));

/** A machine with fake tools: `mvn` writes one jar and a note, `java` only tells a version. */
class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'nest-transport-machine-'));
  readonly cache = join(this.folder, 'cache', 'nest-transport');
  readonly libs = join(this.cache, `kafka-${KAFKA_VERSION}`, 'libs');
  readonly #bin = join(this.folder, 'bin');

  constructor() {
    mkdirSync(this.#bin);
    this.tool('java', 'echo openjdk version \\"17.0.1\\" >&2');
    this.mvn(`echo run >> "${this.folder}/mvn-runs"; mkdir -p libs; echo jar > libs/kafka.jar`);
  }

  tool(name: string, script: string): void {
    writeFileSync(join(this.#bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.#bin, name), 0o755);
  }

  /** What it does when it is asked for more than its version. */
  mvn(script: string): void {
    this.tool('mvn', `case "$*" in *--version*) echo Apache Maven 3.8.7; exit 0;; esac\n${script}`);
  }

  removeTool(name: string): void {
    rmSync(join(this.#bin, name));
  }

  /** How often Maven ran. */
  get downloads(): number {
    return existsSync(`${this.folder}/mvn-runs`)
      ? readFileSync(`${this.folder}/mvn-runs`, 'utf8').split('\n').length - 1
      : 0;
  }

  /** What a program sees that asks for Kafka's jars: the folder, or the error. */
  async prepare(): Promise<{ answer: string; log: string }> {
    const script = `const { prepareKafka } = await import(${JSON.stringify(kafkaModule)});
      console.log(await prepareKafka({ installSystemPackages: false }).catch((error) => error.name + ': ' + error.message));`;
    const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // The real mkdir and cat lie in /bin; the real java and mvn do not.
      env: { PATH: `${this.#bin}:${this.shellTools()}`, XDG_CACHE_HOME: join(this.folder, 'cache') },
    });
    let answer = '';
    let log = '';
    program.stdout.on('data', (chunk) => (answer += String(chunk)));
    program.stderr.on('data', (chunk) => (log += String(chunk)));
    await once(program, 'close');
    return { answer: answer.trim(), log };
  }

  /** A folder with what a shell script needs and nothing else, so that the machine's own java and mvn are out of sight. */
  private shellTools(): string {
    const folder = join(this.folder, 'shell');
    mkdirSync(folder, { recursive: true });
    for (const name of ['mkdir', 'kill']) {
      writeFileSync(join(folder, name), `#!/bin/sh\nexec /bin/${name} "$@"\n`);
      chmodSync(join(folder, name), 0o755);
    }
    return folder;
  }
}

describe('the jars of Kafka', () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => rmSync(machine.folder, { recursive: true, force: true }));

  it('are downloaded once, into the cache of the user, and found the next time', async () => {
    const first = await machine.prepare();
    expect(first.answer).toBe(machine.libs);
    expect(first.log).toContain(`downloading Kafka ${KAFKA_VERSION}`);
    expect(await machine.prepare()).toEqual({ answer: machine.libs, log: '' });
    expect(machine.downloads).toBe(1);
  });

  it('are downloaded once when two programs ask at the same time', async () => {
    const both = await Promise.all([machine.prepare(), machine.prepare()]);
    expect(both.map(({ answer }) => answer)).toEqual([machine.libs, machine.libs]);
    expect(machine.downloads).toBe(1);
  });

  it('are downloaded again when one has gone or was cut off', async () => {
    await machine.prepare();
    rmSync(join(machine.libs, 'kafka.jar'));
    await machine.prepare();
    writeFileSync(join(machine.libs, 'kafka.jar'), 'j');
    expect((await machine.prepare()).answer).toBe(machine.libs);
    expect(machine.downloads).toBe(3);
  });

  it('are not there after a download that failed, which leaves nothing behind and says why', async () => {
    machine.mvn('echo "[ERROR] no route to host"; exit 1');
    const { answer } = await machine.prepare();
    expect(answer).toMatch(
      /^BrokerUnavailable: \[kafka\] not available: mvn ended with code 1: \[ERROR\] no route to host\. Is /,
    );
    expect(readdirSync(machine.cache)).toEqual([]);
  });

  it('come after all when a program was killed while downloading: its lock is taken over, its rest removed', async () => {
    machine.mvn('mkdir -p libs; kill -9 $PPID');
    await machine.prepare();
    expect(readdirSync(machine.cache).some((name) => name.endsWith('.lock'))).toBe(true);
    machine.mvn('mkdir -p libs; echo jar > libs/kafka.jar');
    expect((await machine.prepare()).answer).toBe(machine.libs);
    expect(readdirSync(machine.cache)).toEqual([`kafka-${KAFKA_VERSION}`]);
  });
});

describe('a machine without the tools', () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => rmSync(machine.folder, { recursive: true, force: true }));

  it.each([
    ['java', /it needs java >= 17, which this machine lacks\. Run: apt-get install openjdk-17-jre-headless /],
    ['mvn', /it needs mvn, which this machine lacks\. Run: apt-get install maven /],
  ])('is told in one line what brings %s', async (tool, sentence) => {
    machine.removeTool(tool);
    const { answer } = await machine.prepare();
    expect(answer).toMatch(sentence);
    expect(answer.split('\n')).toHaveLength(1);
  });

  it('is told the same of a java that is too old', async () => {
    machine.tool('java', 'echo openjdk version \\"11.0.2\\" >&2');
    expect((await machine.prepare()).answer).toContain('it needs java >= 17');
  });

  it('needs no mvn when the jars are there', async () => {
    await machine.prepare();
    machine.removeTool('mvn');
    expect((await machine.prepare()).answer).toBe(machine.libs);
  });
});
