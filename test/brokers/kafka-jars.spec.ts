import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeMachine } from './fake-machine.js';
import { KAFKA_VERSION } from '../../tools/brokers/kafka/jars.mjs';

/** A machine with fake tools: `mvn` writes one jar and a note, `java` only tells a version. */
class Machine extends FakeMachine {
  readonly libs = join(this.cache, `kafka-${KAFKA_VERSION}`, 'libs');

  constructor() {
    super();
    this.tool('java', 'echo openjdk version \\"17.0.1\\" >&2');
    this.mvn(`echo run >> "${this.folder}/runs"; mkdir -p libs; echo jar > libs/kafka.jar`);
  }

  /** What it does when it is asked for more than its version. */
  mvn(script: string): void {
    this.tool('mvn', `case "$*" in *--version*) echo Apache Maven 3.8.7; exit 0;; esac\n${script}`);
  }

  /** How often Maven ran. */
  get downloads(): number {
    return this.runs;
  }

  /** What a program sees that asks for Kafka's jars: the folder, or the error. */
  prepare(): Promise<{ answer: string; log: string }> {
    return this.call('./kafka.mjs', 'prepareKafka({ installSystemPackages: false })');
  }
}

describe('the jars of Kafka', () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => machine.remove());

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

describe('the archive of classes', () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => machine.remove());

  const known = async () => (await machine.call('./kafka/classes.mjs', 'knownClasses()')).answer;
  /** As a filling leaves it. */
  function archive(java: string): string {
    const folder = join(machine.cache, `kafka-${KAFKA_VERSION}-java-${java}`);
    mkdirSync(join(folder, 'classes'), { recursive: true });
    writeFileSync(join(folder, 'classes', 'kafka.jsa'), 'all');
    writeFileSync(join(folder, 'classes.json'), '{"kafka.jsa":3}');
    return join(folder, 'classes', 'kafka.jsa');
  }

  it('is used where this Java has made it, and not where another one has', async () => {
    expect(await known()).toBe('undefined');
    archive('17.0.0');
    expect(await known()).toBe('undefined');
    const file = archive('17.0.1');
    expect(await known()).toBe(file);
  });

  it('is not used when it was cut off', async () => {
    writeFileSync(archive('17.0.1'), 'al');
    expect(await known()).toBe('undefined');
  });
});

describe('a machine without the tools', () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => machine.remove());

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
