import ts from 'typescript';
import { proseOf, type Page } from './markdown.js';

interface Dialect {
  readonly words: RegExp;
  readonly write: string;
}

/** Words of an old private dialect, and the field's word for each. A reader from Kafka, RabbitMQ or Nest knows the latter. */
export const DIALECT: readonly Dialect[] = [
  { words: /\b(told|tells)\b/i, write: 'reported, logged, returns' },
  { words: /\b(anew|once more)\b/i, write: 'again, recreated, retry' },
  { words: /\bmend(s|ed)?\b/i, write: 'fix' },
  { words: /\b(begins?|began|begun)\b/i, write: 'start, started' },
  {
    words: /\b(refused|rejected|asked( for)?|written( down)?|discarded|said|set|declared) by name\b/i,
    write: 'explicitly',
  },
  { words: /\bbeside\b/i, write: 'besides, alongside, in addition to' },
  { words: /\b(at most|for) so (many|much|long)\b/i, write: 'at most this many' },
  { words: /\bdeaf\b/i, write: 'never invoked, not subscribed' },
  { words: /\bhand(s|ed)? over\b|\bg(ives?|ave|iven) back\b/i, write: 'delivers, returns to the broker' },
  { words: /\bpromise[sd]?\b/, write: 'guarantee, conformance case; Promise for that of JavaScript' },
  {
    words: /\babsent capabilit|\bcapabilit(y|ies) (is|are) (absent|refused)|\brefused at (the )?start/i,
    write: 'unsupported, rejected at startup',
  },
  { words: /\baskers?\b|\basking service/i, write: 'requester' },
  { words: /\bdesks?\b/i, write: 'dead-letter admin' },
  { words: /\bdoors?\b|\brooms\b(?!\.ts)|\b(the|our) house\b/i, write: 'entry point, module, layout' },
  { words: /\bway-?\s?outs?\b/i, write: 'remedy' },
  { words: /\bn\.b\./i, write: 'Note, or a plain sentence' },
  { words: /\bfor later\b/i, write: 'delayed, scheduled' },
  { words: /\bfor good\b/i, write: 'permanently' },
  { words: /\b(is|was|are|were|be) away\b/i, write: 'is unreachable' },
  { words: /\bstor(y|ies)\b/i, write: 'trace' },
  { words: /\btrials?\b/i, write: 'fault test' },
  { words: /\bvenues?\b|\bworlds?\b/i, write: 'environment' },
  { words: /\bdice\b/i, write: 'seeded random' },
  { words: /\bnobody (has )?subscribe[sd] yet\b/i, write: 'no consumer is bound yet' },
  { words: /\bneighbours?\b/i, write: 'the other messages of the request' },
  { words: /(?<![-.\w])msgs?\b(?![-/]|\.\w)/i, write: 'message' },
];

/**
 * What this check does not read yet, by the start of the path. A folder that was edited leaves this list, and its pages,
 * docstrings, error messages and log lines are judged from then on.
 */
export const NOT_JUDGED_YET: readonly string[] = [
  'libs/transport/src/schematics/', // its generated code has names of ours
  'libs/transport/src/testing/', // texts of conformance cases
  'CHANGELOG.md', // a record of what was said then
  'docs/adr/', // as are decisions
  'docs/defaults.md', // its rows will be printed from docstrings
];

export const isJudged = ({ path }: Page): boolean => !NOT_JUDGED_YET.some((start) => path.startsWith(start));

/** Dialect in the prose of a page; code is left alone, and so is what a table copies from the code or lists as a synonym. */
export function dialectOnPage({ path, text }: Page): string[] {
  return complaints(path, proseOf(withoutCopies(text)).split('\n'));
}

/** Dialect in the comments of a source file that become documentation: those with two stars. */
export function dialectInDocstrings({ path, text }: Page): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const seen = new Set<number>();
  const found: Piece[] = [];
  visitAll(source, (node) => {
    for (const { pos, end } of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) {
      if (seen.has(pos) || !text.startsWith('/**', pos)) continue;
      seen.add(pos);
      found.push({ pos, text: proseOf(text.slice(pos, end)) });
    }
  });
  return complaints(path, linesOf(source, found));
}

/** Dialect in the texts of a source file that people read: error messages and log lines are literals of several words. */
export function dialectInTexts({ path, text }: Page): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: Piece[] = [];
  visitAll(source, (node) => {
    if (!ts.isStringLiteralLike(node) && !ts.isTemplateLiteralToken(node)) return;
    if (/\S \S/.test(node.text)) found.push({ pos: node.getStart(), text: node.getText() });
  });
  return complaints(path, linesOf(source, found));
}

interface Piece {
  readonly pos: number;
  readonly text: string;
}

function visitAll(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => visitAll(child, visit));
}

/** The pieces in the lines where they stand; all other lines are empty. */
function linesOf(source: ts.SourceFile, pieces: readonly Piece[]): string[] {
  const lines = source.text.split('\n').map(() => '');
  for (const { pos, text } of pieces) {
    const first = source.getLineAndCharacterOfPosition(pos).line;
    text.split('\n').forEach((line, index) => (lines[first + index] += ` ${line}`));
  }
  return lines;
}

const blanked = (text: string): string => text.replace(/[^\n]/g, '');

/** A page without what it copies: rows that are printed from the code, sentences of error codes, quotes of the log in a table, synonyms of the glossary. */
function withoutCopies(text: string): string {
  return text
    .replace(/<!-- ([\w-]+):start -->[^]*?<!-- \1:end -->/g, blanked)
    .replace(/(?<=\n(## Options|<!-- .* -->)\n+)(\|.*\n)+/g, blanked)
    .replace(/^\| term \| also called \|.*\n(\|.*\n)+/gm, (table) => table.replace(/^(\|[^|]*\|)[^|]*\|/gm, '$1'))
    .replace(/^(\| `TRANSPORT_\w+` \|)[^|]*\|/gm, '$1')
    .replace(/^\|.*$/gm, (row) => row.replace(/"[^"|]*"/g, ''));
}

function complaints(path: string, lines: readonly string[]): string[] {
  return lines.flatMap((line, index) =>
    DIALECT.flatMap(({ words, write }) => {
      const found = words.exec(line)?.[0];
      return found === undefined ? [] : [`${path}:${index + 1} says "${found}"; write: ${write}`];
    }),
  );
}
