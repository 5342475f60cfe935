import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { SourceProcess } from '../e2e/source-process.js';
import { blocksOf } from './markdown.js';

/** The tour with the change that the README shows beside it. @throws Error when a line to take out is not there */
export function onAnotherBroker(readme: string, tour: string): string {
  const change =
    blocksOf(readme)
      .find(({ info }) => info === 'diff')
      ?.text.split('\n') ?? [];
  const pairs = change.flatMap((line, index) =>
    line.startsWith('-') ? [[line.slice(1), change[index + 1] ?? ''] as const] : [],
  );
  if (pairs.length === 0) throw new Error('The README shows no change.');
  return pairs.reduce((program, [out, into]) => {
    if (!program.split('\n').includes(out) || !into.startsWith('+'))
      throw new Error(`The program has no line "${out}" to change.`);
    return program.replace(out, () => into.slice(1));
  }, tour);
}

/** Runs a program that is on no page; in dist/, where nobody looks for sources and packages are found all the same. */
export async function runProgram(text: string, during: (program: SourceProcess) => Promise<void>): Promise<void> {
  mkdirSync(join(root, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(root, 'dist', 'tour-'));
  const path = join(folder, 'tour.ts');
  writeFileSync(path, text);
  const program = new SourceProcess(path, [], { PORT: '0' });
  try {
    await during(program);
  } finally {
    await program.end();
    rmSync(folder, { recursive: true });
  }
}
