import type { TransportDescription } from 'nest-transport';
import { SourceProcess } from './source-process.js';

const MAIN = 'libs/transport/src/cli/main.ts';
const APP = 'test/e2e/described.module.ts';

/** What the command does, run as a user does: a program of its own. */
async function nestTransport(...args: readonly string[]) {
  const program = new SourceProcess(MAIN, args);
  const code = await program.exited;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

describe('npx nest-transport describe', () => {
  it('prints a table of what the application is, starts nothing, and ends although something is left open', async () => {
    const { code, stdout, stderr } = await nestTransport('describe', '--app', APP);
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'the application says hello\n' });
    expect(stdout).toMatch(/^Service inventory\n\nTOPIC +GROUP +BROKER +DRIVER .* GUARANTEE\n/);
    expect(stdout).toMatch(
      /^order\.created +inventory +default +memory +group +key +16 .* may-lose\(kept-in-process\)$/m,
    );
    expect(stdout).toContain('Broker default (memory): a publish is may-lose');
    expect(stdout).toContain(
      'may-lose, kept-in-process: messages are kept in the memory of this process and are lost when it ends. Use a broker outside the process.\n' +
        '  order.created, order.created.inventory.dead-letter\n',
    );
  });

  it('prints nothing but JSON where JSON is asked for, whatever the application prints', async () => {
    const { code, stdout } = await nestTransport('describe', '--app', APP, '--json');
    const description = JSON.parse(stdout) as TransportDescription;
    expect({ code, service: description.service }).toEqual({ code: 0, service: 'inventory' });
    expect(description.subscriptions).toMatchObject([{ topic: 'order.created', guarantee: { level: 'may-lose' } }]);
  });

  it('ends with 1, and says why, where a subscription is below the level', async () => {
    const { code, stderr } = await nestTransport(
      'describe',
      '--app',
      APP,
      '--offline',
      '--fail-below',
      'at-least-once',
    );
    expect(code).toBe(1);
    expect(stderr).toContain(
      'nest-transport describe: topic "order.created" of group "inventory" is may-lose, below at-least-once: @Subscribe("order.created") in Inventory.reserve',
    );
    expect(await nestTransport('describe', '--app', APP, '--fail-below', 'may-lose')).toMatchObject({ code: 0 });
  });

  it.each([
    [
      'a file that is not there',
      ['describe', '--app', 'dist/none.module.js'],
      /there is no file .*none\.module\.js\. Name the compiled file/,
    ],
    [
      'an export that is not there',
      ['describe', '--app', APP, '--module', 'AppModule'],
      /no export "AppModule" .* It exports InventoryModule\./,
    ],
    [
      'a file without a module',
      ['describe', '--app', 'test/e2e/until.ts'],
      /no export that is clearly the root module/,
    ],
  ])('ends with 1 and one clear sentence for %s', async (_what, args, complaint) => {
    const { code, stdout, stderr } = await nestTransport(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(complaint);
    expect(stderr).not.toContain('    at ');
  });

  it('ends with 2 and the nearest name for an option that does not exist', async () => {
    const { code, stdout, stderr } = await nestTransport('describe', '--app', APP, '--jsn');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/unknown option '--jsn'.*Did you mean --json/s);
    expect(stderr).not.toContain('    at ');
  });

  it('tells how it is used', async () => {
    const { code, stdout } = await nestTransport('describe', '--help');
    expect(code).toBe(0);
    expect(stdout).toContain('--fail-below <level>');
  });
});
