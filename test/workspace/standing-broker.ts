import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../scripts/lib/paths.mjs';
import { brokers, type Broker } from '../../tools/brokers/index.mjs';
import { ended, type Ended } from './small-clone.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A user of this machine with a cache of their own, who shares with us only what was downloaded and built. */
class User {
  readonly #home = mkdtempSync(join(tmpdir(), 'nest-transport-user-'));
  readonly #env: NodeJS.ProcessEnv;

  constructor() {
    const variables = Object.values(brokers).flatMap((broker) => Object.keys(broker.envOf([])));
    const env = Object.entries(process.env).filter(([name]) => ![...variables, 'NODE_OPTIONS'].includes(name));
    this.#env = { ...Object.fromEntries(env), XDG_CACHE_HOME: this.#home };
    const mine = cacheFolder(this.#env);
    mkdirSync(mine);
    const shared = readdirSync(cacheFolder()).filter((name) => /-\d+(\.\d+)+$/.test(name));
    for (const name of shared) symlinkSync(join(cacheFolder(), name), join(mine, name));
  }

  start(...args: string[]): ChildProcess {
    return spawn(process.execPath, args, { cwd: root, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  run(...args: string[]): Promise<Ended> {
    return ended(this.start(...args));
  }

  leave(): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}

function known(name: string): Broker {
  const broker = brokers[name];
  if (broker === undefined) throw new Error(`tools/brokers/index.mjs knows no broker "${name}".`);
  return broker;
}

/** The variables that `export NAME=value` lines set. */
export const exported = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));

/** What holds of every broker that `npm run brokers:up` leaves standing. `more` adds what holds of one. */
export function describeStandingBroker(name: string, more: (user: () => User) => void = () => undefined): void {
  describe(`a ${name} for a user`, () => {
    const { prepare, whyNot, envOf } = known(name);
    let user: User;
    beforeAll(() => prepare({}), 180_000);
    beforeEach(() => (user = new User()));
    afterEach(async () => {
      await user.run('scripts/brokers.mjs', 'down', name);
      user.leave();
    });

    it('stays up after brokers:up, once however often it is asked for, until brokers:down', async () => {
      const first = await user.run('scripts/brokers.mjs', 'up', name);
      const env = exported(first.stdout);
      expect([first.code, Object.keys(env)]).toEqual([0, Object.keys(envOf([]))]);
      expect(await whyNot(env)).toBeUndefined();
      expect((await user.run('scripts/brokers.mjs', 'up', name)).stdout).toBe(first.stdout);
      const told = `${Object.values(env).join(' ')} (brokers:up)`;
      expect((await user.run('scripts/doctor.mjs')).stdout).toContain(told);
      expect(await user.run('scripts/brokers.mjs', 'down', name)).toMatchObject({
        code: 0,
        stderr: `[${name}] down.\n`,
      });
      expect(await whyNot(env)).toContain('is set, but');
      expect(await user.run('scripts/brokers.mjs', 'down', name)).toMatchObject({
        code: 0,
        stderr: `[${name}] is not up.\n`,
      });
    }, 120_000);

    more(() => user);
  });
}
