import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { read, root } from '../architecture/tree.js';
import { blocksOf } from '../docs/markdown.js';

/** Runs `examples/<name>/main.ts` in this process. @returns the lines that it printed */
export async function runExample(name: string): Promise<string[]> {
  const printed: string[] = [];
  const log = console.log;
  console.log = (text: string) => void printed.push(text);
  try {
    await import(pathToFileURL(join(root, 'examples', name, 'main.ts')).href);
  } finally {
    console.log = log;
  }
  return printed.join('\n').split('\n');
}

/** What the page of an example says is printed: `<id>` stands for any text. */
export function documentedLines(name: string): RegExp[] {
  const [, section = ''] = read(`examples/${name}/README.md`).text.split('\n## What you see\n');
  const [block] = blocksOf(section);
  return (block?.text ?? '').split('\n').map(asPattern);
}

const asPattern = (line: string): RegExp =>
  new RegExp(`^${line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/<\w+>/g, '\\S+')}$`);
