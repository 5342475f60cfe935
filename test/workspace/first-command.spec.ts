import { isSupported } from '../../scripts/lib/node-version.mjs';
import { ended, printed, says, SmallClone } from './small-clone.js';

describe('the first command after a clone', () => {
  let clone: SmallClone;
  beforeEach(() => (clone = new SmallClone()));
  afterEach(() => clone.remove());

  const report = (stdout: string): { args: string[]; inherited: Record<string, string> } =>
    JSON.parse(stdout) as { args: string[]; inherited: Record<string, string> };

  it('installs, says so on stderr, and leaves stdout to its program', async () => {
    const { stdout, stderr, code } = await clone.run();
    expect(code).toBe(0);
    expect(stdout.split('\n')).toHaveLength(2);
    expect(report(stdout).args).toEqual(['--noEmit']);
    expect(stderr).toMatch(
      /\[install\] node_modules is missing: running npm ci \.\.\.\nfake npm talks\n\[install\] done in/,
    );
  });

  it('installs development packages where NODE_ENV is production too', async () => {
    expect(await clone.run([], { NODE_ENV: 'production' })).toMatchObject({ code: 0 });
    expect(clone.npmCalls()).toMatchObject([
      { args: expect.arrayContaining(['ci', '--include=dev']), NODE_ENV: 'production' },
    ]);
  });

  it('does not install a second time, and says nothing then', async () => {
    await clone.run();
    expect(await clone.run()).toMatchObject({ code: 0, stderr: '' });
    expect(clone.npmCalls()).toHaveLength(1);
  });

  it('installs once when two terminals start at the same time', async () => {
    const first = clone.start([], { FAKE_NPM: 'slow' });
    const firstEnd = ended(first);
    await says(first, 'fake npm talks');
    const second = clone.start();
    const secondEnd = ended(second);
    await says(second, `waiting for the install of process ${first.pid}`);
    clone.letNpmGoOn();
    const both = await Promise.all([firstEnd, secondEnd]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(clone.npmCalls()).toHaveLength(1);
  });

  it('heals an install that was killed', async () => {
    const cut = clone.start([], { FAKE_NPM: 'hang' });
    const end = ended(cut);
    await printed(cut.stderr, 'fake npm talks');
    cut.kill('SIGTERM');
    await end;
    expect(await clone.run()).toMatchObject({ code: 0, stderr: expect.stringContaining('1 packages are missing') });
    expect(clone.npmCalls()).toHaveLength(2);
  });

  it('heals a package folder that was removed', async () => {
    await clone.run();
    clone.remove('node_modules/typescript');
    expect(await clone.run()).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('for example node_modules/typescript'),
    });
  });

  it('follows a lockfile that changed', async () => {
    await clone.run();
    clone.lock('6.0.1');
    expect(await clone.run()).toMatchObject({ code: 0, stderr: expect.stringContaining('have another version') });
  });

  it('passes on how a failed install ended, and says what to do', async () => {
    const { code, stdout, stderr } = await clone.run([], { FAKE_NPM: 'fail' });
    expect([code, stdout]).toEqual([7, '']);
    expect(stderr).toMatch(/npm ci ended with exit code 7\. .* Run the same command again to retry\./);
  });

  it('passes arguments on', async () => {
    const { stdout } = await clone.run(['--broker', 'kafka', '--json', 'two words']);
    expect(report(stdout).args).toEqual(['--noEmit', '--broker', 'kafka', '--json', 'two words']);
  });

  it('drops what an outer npm left in the environment, but not where packages come from', async () => {
    const outer = {
      npm_config_json: 'true',
      npm_lifecycle_event: 'test',
      npm_config_registry: 'http://localhost:4873/',
    };
    const { stdout } = await clone.run([], outer);
    expect(report(stdout).inherited).toEqual({ npm_config_registry: 'http://localhost:4873/' });
    expect(clone.npmCalls()[0]?.config).toContain('npm_config_registry');
    expect(clone.npmCalls()[0]?.config).not.toContain('npm_config_json');
  });

  it('ends with the exit code of its program', async () => {
    expect(await clone.run([], { FAKE_CHILD: 'exit 3' })).toMatchObject({ code: 3, signal: null });
  });

  it('dies of the signal that its program died of', async () => {
    expect(await clone.run([], { FAKE_CHILD: 'die' })).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it('passes SIGTERM on, and ends after its program has tidied up', async () => {
    const child = clone.start([], { FAKE_CHILD: 'serve' });
    const end = ended(child);
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    expect(await end).toMatchObject({ code: 5, signal: null, stdout: expect.stringMatching(/tidied up\n$/) });
  });
});

describe('the check of the Node version', () => {
  it.each([
    ['20.18.3', false],
    ['18.20.0', false],
    ['20.19.0', true],
    ['20.20.2', true],
    ['22.0.0', true],
    ['24.1.0', true],
  ])('takes %s: %s', (version, supported) => expect(isSupported(version)).toBe(supported));
});
