import { commandHelp, readCommandLine, UsageError, type CliSyntax } from './command-line.js';
import { run } from './program.js';

const SYNTAX: CliSyntax = {
  name: 'paint',
  about: 'Paints a fence.',
  argument: { name: 'fence', about: 'which one' },
  options: {
    colour: { short: 'c', value: '<name>', about: 'of the paint' },
    'dry-run': { about: 'paints nothing' },
    board: { value: '<n>', multiple: true, about: 'only this one', parse: Number },
  },
};

async function runWith(...args: readonly string[]) {
  const said = { out: '', err: '' };
  const terminal = {
    write: (text: string) => void (said.out += text),
    tell: (text: string) => void (said.err += text),
  };
  return { code: await run(args, terminal), ...said };
}

describe('a command line', () => {
  it.each([
    ['values after a space and after =', ['f', '--colour', 'red', '--board=2', '--board', '3']],
    ['short names', ['-c', 'red', '--board', '2', 'f', '--board', '3']],
    ['what follows -- as the argument', ['--colour=red', '--board=2', '--board=3', '--', 'f']],
  ])('has %s', (_what, args) => {
    expect(readCommandLine(SYNTAX, args)).toEqual({
      argument: 'f',
      given: { colour: 'red', board: [2, 3] },
      wantsHelp: false,
    });
  });

  it('has the flags that were given, in camel case', () => {
    expect(readCommandLine(SYNTAX, ['f', '--dry-run']).given).toEqual({ dryRun: true });
  });

  it.each([
    [
      'an unknown option, with the nearest name',
      ['f', '--color', 'red'],
      /unknown option '--color'. Did you mean --colour/,
    ],
    ['an unknown short option', ['f', '-x'], /unknown option '-x'/],
    ['a name that all objects have', ['f', '--constructor'], /unknown option '--constructor'/],
    ['a missing value', ['f', '--colour'], /option '-c, --colour <name>' needs a value/],
    ['a value of a flag', ['f', '--dry-run=yes'], /'--dry-run' takes no value, got 'yes'/],
    ['a missing argument', [], /missing required argument 'fence'/],
  ])('rejects %s', (_what, args, complaint) => {
    expect(() => readCommandLine(SYNTAX, args)).toThrow(UsageError);
    expect(() => readCommandLine(SYNTAX, args)).toThrow(complaint);
  });

  it('is explained by a help with every option, which needs no argument', () => {
    expect(readCommandLine(SYNTAX, ['-h']).wantsHelp).toBe(true);
    expect(commandHelp('tool', SYNTAX)).toBe(
      [
        'Usage: tool paint [options] <fence>',
        '',
        'Paints a fence.',
        '',
        'Arguments:',
        '  fence  which one',
        '',
        'Options:',
        '  -c, --colour <name>  of the paint',
        '  --dry-run            paints nothing',
        '  --board <n>          only this one',
        '  -h, --help           shows this help',
        '',
      ].join('\n'),
    );
  });
});

describe('npx nest-transport', () => {
  it.each([[['--help']], [['-h']], [['help']]])('shows its commands on stdout for %j', async (args) => {
    const { code, out, err } = await runWith(...args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const name of ['describe', 'dead-letters list', 'dead-letters discard']) expect(out).toContain(`\n  ${name} `);
  });

  it('shows its commands on stderr, and exits with 2, without one', async () => {
    expect(await runWith()).toEqual({ code: 2, out: '', err: expect.stringContaining('Commands:') });
    expect(await runWith('dead-letters')).toEqual({ code: 2, out: '', err: expect.not.stringContaining('  describe') });
  });

  it.each([
    [['help', 'describe'], '--fail-below <level>'],
    [['dead-letters', 'list', '--help'], '--payload'],
    [['dead-letters', '--help'], 'dead-letters replay'],
  ])('shows the help of %j', async (args, text) => {
    expect(await runWith(...args)).toEqual({ code: 0, err: '', out: expect.stringContaining(text) });
  });

  it.each([
    [['descrbe'], "unknown command 'descrbe'. Did you mean describe?"],
    [['dead-letters', 'lst'], "unknown command 'dead-letters lst'. Did you mean dead-letters list?"],
    [['dead-leters', 'list'], "unknown command 'dead-leters'. Did you mean dead-letters?"],
    [['explode'], "unknown command 'explode'. Commands: describe, dead-letters"],
    [['--json', 'describe'], "unknown option '--json' before the command"],
    [
      ['describe', '--fail-below', 'exactly-once'],
      "'exactly-once' is invalid. Allowed levels are at-least-once, unknown, may-lose.",
    ],
  ])('rejects %j with 2 and the nearest name', async (args, text) => {
    expect(await runWith(...args)).toEqual({ code: 2, out: '', err: expect.stringContaining(text) });
  });
});
