import { spawnSync } from 'node:child_process';
import { root } from './tree.js';

/** One line per rule, each of which that rule alone must complain about. */
const PLANTED: readonly (readonly [rule: string, line: string])[] = [
  ['@typescript-eslint/no-floating-promises', 'export const a = (): void => { Promise.resolve(1); };'],
  [
    '@typescript-eslint/no-misused-promises',
    'export const b = (list: number[]): void => list.forEach(async () => { await Promise.resolve(); });',
  ],
  ['@typescript-eslint/await-thenable', 'export const c = async (): Promise<number> => await 1;'],
  ['@typescript-eslint/no-explicit-any', 'export const d = (x: any): void => void x;'],
  ['@typescript-eslint/only-throw-error', "export const e = (): never => { throw 'text'; };"],
  ['@typescript-eslint/prefer-promise-reject-errors', "export const f = (): Promise<never> => Promise.reject('text');"],
  [
    '@typescript-eslint/no-for-in-array',
    'export const g = (list: number[]): void => { for (const i in list) void i; };',
  ],
  [
    '@typescript-eslint/switch-exhaustiveness-check',
    "export const h = (x: 'a' | 'b'): number => { switch (x) { case 'a': return 1; } return 0; };",
  ],
  ['@typescript-eslint/no-unused-vars', 'const i = 1;'],
  ['@typescript-eslint/consistent-type-imports', "import { Kafka } from 'kafkajs'; export type J = Kafka;"],
  ['eqeqeq', 'export const k = (x: number): boolean => x == 1;'],
  ['no-restricted-globals', "export const l = (): void => fail('x');"],
];

interface Message {
  readonly ruleId: string;
  readonly line: number;
}

function lint(inputs: { filename: string; text: string }[]): Message[][] {
  const script = ['test/architecture/lint-texts.mjs'];
  const { stdout, stderr } = spawnSync(process.execPath, script, {
    cwd: root,
    encoding: 'utf8',
    input: JSON.stringify(inputs),
  });
  if (stdout === '') throw new Error(`eslint said nothing: ${stderr}`);
  return JSON.parse(stdout) as Message[][];
}

const rulesOf = (messages: Message[] = []): string[] => messages.map(({ ruleId }) => ruleId);

describe('the linter', () => {
  const here = 'test/architecture/lint.spec.ts';
  const talk = "console.log('x');\n";
  const [planted = [], inLibrary, inTest] = lint([
    { filename: here, text: PLANTED.map(([, line]) => line).join('\n') },
    { filename: 'libs/transport/src/index.ts', text: talk },
    { filename: here, text: talk },
  ]);

  it.each(PLANTED.map(([rule], i) => [rule, i + 1] as const))('sees a planted breach of %s', (rule, line) => {
    expect(rulesOf(planted.filter((message) => message.line === line))).toEqual([rule]);
  });

  it('keeps console out of the library, and only there', () => {
    expect([rulesOf(inLibrary), rulesOf(inTest)]).toEqual([['no-console'], []]);
  });
});
