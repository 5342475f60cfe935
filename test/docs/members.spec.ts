import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { membersOf, silentMembers, silentThrowers, type PublicName } from './said.js';
import { exportsOf, programOf, publicNames, publicProgram } from './sources.js';

/** One entry per thing: several entry points may lead to it. */
const distinct = (): PublicName[] => [
  ...new Map(
    publicNames().map(({ entryPoint, name, symbol }) => [symbol, { name: `${entryPoint} ${name}`, symbol }]),
  ).values(),
];

function planted(...lines: string[]): { program: ReturnType<typeof programOf>; names: PublicName[] } {
  const path = join(root, 'test/docs/planted-members.ts');
  const program = programOf([path], new Map([[path, lines.join('\n').replaceAll('/**', '\n/**')]]));
  return { program, names: exportsOf(program, path) };
}

describe('a member of a public class or interface', () => {
  it('says what it does where it can be called, filled in, or is a number without a unit', () => {
    expect(silentMembers(publicProgram(), distinct())).toEqual([]);
    const checker = publicProgram().getTypeChecker();
    expect(distinct().flatMap(({ symbol }) => membersOf(checker, symbol)).length).toBeGreaterThan(700);
  });

  it('would be missed without a word: a method, an option, a count, an inherited one, a static one, one of a union', () => {
    const { program, names } = planted(
      'interface Above { call(): void; topic: string }',
      'export interface Below extends Above { size: number; readonly waitMs: number }',
      'export interface XOptions { readonly topic?: string; /** @default 1 */ readonly limit?: number; /** @default */ readonly empty?: number }',
      'export type YOptions = { readonly one: 1 } | { /** Says it. */ readonly two: 2; readonly three: string };',
      'export class Z { static make(): void {} private hidden(): void {} #hidden(): void {} /** Says it. */ said(): void {} }',
    );
    expect(silentMembers(program, names).sort()).toEqual([
      'Below.call',
      'Below.size',
      'XOptions.empty',
      'XOptions.topic',
      'YOptions.one',
      'YOptions.three',
      'Z.make',
    ]);
  });
});

describe('a public function or method that throws', () => {
  it('says what', () => {
    expect(silentThrowers(publicProgram(), distinct())).toEqual([]);
  });

  it('would be caught: a function, an arrow function, a method, a constructor; what an inner function throws is its own', () => {
    const { program, names } = planted(
      'export function bare(): void { if (1) throw new Error(); }',
      'export const arrow = (): void => { throw new Error(); };',
      '/** @throws Error always */ export function told(): void { throw new Error(); }',
      'export function inner(): () => void { return () => { throw new Error(); }; }',
      'export class Thrower { go(): void { throw new Error(); } /** @throws Error always */ told(): void { throw new Error(); } }',
      'export class Maker { constructor() { throw new Error(); } }',
    );
    expect(silentThrowers(program, names)).toEqual(['bare', 'arrow', 'Thrower.go', 'Maker.constructor']);
  });
});
