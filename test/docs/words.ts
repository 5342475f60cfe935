import ts from 'typescript';
import { proseOf, type Page } from './markdown.js';

/** Synonyms that docs/glossary.md forbids, and the word to write. Short on purpose: each has been written by somebody. */
export const FORBIDDEN: readonly { readonly words: RegExp; readonly write: string }[] = [
  { words: /\bconsumer[ -]groups?\b/i, write: 'group' },
  { words: /\bDLQs?\b|\bdead[- ]?letter[- ]queues?\b/i, write: 'dead letter, dead-letter topic' },
  { words: /\bmsgs?\b(?!\/s)/i, write: 'message' },
  { words: /\bre-?queue(s|d)?\b/i, write: 'nack, or redeliver' },
];

/** Where a forbidden word stands in the prose of a page; code is left alone. */
export function forbiddenWords({ path, text }: Page): string[] {
  return complaints(path, proseOf(text).split('\n'));
}

/** The same in the comments of a source file that become documentation: those with two stars. */
export function forbiddenWordsInDocstrings({ path, text }: Page): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lines = text.split('\n').map(() => '');
  const seen = new Set<number>();
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) {
      if (seen.has(range.pos) || !text.startsWith('/**', range.pos)) continue;
      seen.add(range.pos);
      const first = source.getLineAndCharacterOfPosition(range.pos).line;
      proseOf(text.slice(range.pos, range.end))
        .split('\n')
        .forEach((line, index) => (lines[first + index] = line));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return complaints(path, lines);
}

function complaints(path: string, lines: readonly string[]): string[] {
  return lines.flatMap((line, index) =>
    FORBIDDEN.flatMap(({ words, write }) => {
      const found = words.exec(line)?.[0];
      return found === undefined ? [] : [`${path}:${index + 1} says "${found}", our word is: ${write}`];
    }),
  );
}
