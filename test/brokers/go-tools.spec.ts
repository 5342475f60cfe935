import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FakeMachine } from './fake-machine.js';
import { NSQ_PROGRAMS } from '../../tools/brokers/nsq/programs.mjs';
import { requireTools, TOOLS } from '../../tools/brokers/toolchain.mjs';

const NSQ_FOLDER = `nsq-${NSQ_PROGRAMS.version.slice(1)}`;

/** A machine with a fake `go` that writes one program, a note, and what it was asked to build. */
class Machine extends FakeMachine {
  readonly bin = join(this.cache, NSQ_FOLDER, 'bin');

  constructor() {
    super();
    this.go(`echo run >> "${this.folder}/runs"; mkdir -p "$GOBIN"; echo program > "$GOBIN/nsqd"`);
  }

  go(script: string, version = 'go1.26.8'): void {
    this.tool('go', `if [ "$1" = version ]; then echo go version ${version} linux/amd64; exit 0; fi\n${script}`);
  }

  prepare(): Promise<{ answer: string; log: string }> {
    return this.call('./nsq.mjs', 'prepareNsq({ installSystemPackages: false })');
  }
}

describe('programs that Go builds', () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => machine.remove());

  it('are built once, also when two programs ask at the same time, and found the next time without Go', async () => {
    const both = await Promise.all([machine.prepare(), machine.prepare()]);
    expect(both.map(({ answer }) => answer)).toEqual([machine.bin, machine.bin]);
    machine.removeTool('go');
    expect(await machine.prepare()).toEqual({ answer: machine.bin, log: '' });
    expect(machine.runs).toBe(1);
  });

  it('are of the version that we name, with the replacement that nsqd needs to compile', async () => {
    await machine.prepare();
    const goMod = readFileSync(join(machine.cache, NSQ_FOLDER, 'go.mod'), 'utf8');
    expect(goMod).toContain('require github.com/nsqio/nsq v1.3.0\n');
    expect(goMod).toContain('tool github.com/nsqio/nsq/apps/nsqlookupd\n');
    expect(goMod).toContain('replace github.com/judwhite/go-svc => github.com/mreiferson/go-svc');
  });

  it('are built again when one has gone', async () => {
    await machine.prepare();
    rmSync(join(machine.bin, 'nsqd'));
    expect((await machine.prepare()).answer).toBe(machine.bin);
    expect(machine.runs).toBe(2);
  });

  it('are not there after a build that failed, which leaves nothing behind and says why', async () => {
    machine.go('echo "module lookup disabled" >&2; exit 1');
    expect((await machine.prepare()).answer).toMatch(
      /^BrokerUnavailable: \[nsq\] not available: go ended with code 1: module lookup disabled\. Is /,
    );
    expect(readdirSync(machine.cache)).toEqual([]);
  });

  it('come after all when a program was killed while building: its lock is taken over, its rest removed', async () => {
    machine.go('mkdir -p "$GOBIN"; kill -9 $PPID');
    await machine.prepare();
    expect(readdirSync(machine.cache).some((name) => name.endsWith('.lock'))).toBe(true);
    machine.go('mkdir -p "$GOBIN"; echo program > "$GOBIN/nsqd"');
    expect((await machine.prepare()).answer).toBe(machine.bin);
    expect(readdirSync(machine.cache)).toEqual([NSQ_FOLDER]);
  });
});

describe('a machine without the tools of NATS, NSQ, RabbitMQ and the foreign clients', () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => machine.remove());

  it.each([
    [
      'NATS',
      './nats.mjs',
      'prepareNats({ installSystemPackages: false })',
      /\[nats\] .* needs go >= 1\.26, .*golang-go/,
    ],
    ['NSQ', './nsq.mjs', 'prepareNsq({ installSystemPackages: false })', /\[nsq\] .* needs go >= 1\.26, .*golang-go/],
    ['kcat', '../../test/interop/foreign-clients.mjs', "foreignClient('kcat')", /^undefined$/],
  ])('is told in one line what brings %s', async (_name, module, call, answer) => {
    machine.removeTool('go');
    const told = await machine.call(module, call);
    expect(told.answer).toMatch(answer);
    expect(told.answer.split('\n')).toHaveLength(1);
  });

  it('is told what brings kcat, and goes on', async () => {
    const { log } = await machine.call('../../test/interop/foreign-clients.mjs', "foreignClient('kcat')");
    expect(log).toMatch(/^SKIPPED what needs kcat: .* Run: apt-get install kcat \(or .*\)\n$/);
  });

  it('is told that its Go is too old', async () => {
    machine.go('exit 1', 'go1.19.8');
    expect((await machine.prepare()).answer).toMatch(
      /needs go >= 1\.26.* Where that is older, take it from its makers/,
    );
  });

  it('is told what brings RabbitMQ', () => {
    const absent = { ...TOOLS.rabbitmq, find: () => undefined };
    const options = { installSystemPackages: false, log: () => undefined };
    expect(() => requireTools('rabbitmq', [absent], options)).toThrow(
      /^\[rabbitmq\] .* needs rabbitmq-server, .* Run: apt-get install rabbitmq-server /,
    );
  });
});
