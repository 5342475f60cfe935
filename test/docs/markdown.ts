import { slugOf } from '../../docs/.vitepress/forge.mjs';

/** A code block, with the line its text begins on (1-based). */
export interface Block {
  /** What stands behind the fence: `ts`, `ts no-check: why`. */
  readonly info: string;
  readonly line: number;
  readonly text: string;
}

export interface Page {
  /** From the root of the clone, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const FENCE = /^( *)(`{3,}|~{3,})(.*)$/;

/** The code blocks of a page, in order. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; info: string; line: number; lines: string[] } | undefined;
  text.split('\n').forEach((line, index) => {
    const [, , fence = '', info = ''] = FENCE.exec(line) ?? [];
    if (open === undefined) {
      if (fence !== '') open = { fence, info: info.trim(), line: index + 2, lines: [] };
    } else if (fence.startsWith(open.fence) && info.trim() === '') {
      blocks.push({ info: open.info, line: open.line, text: open.lines.join('\n') });
      open = undefined;
    } else open.lines.push(line);
  });
  return blocks;
}

/** The page with code blocks and code in the text blanked out; lines keep their numbers. */
export function proseOf(text: string): string {
  let fence = '';
  return text
    .split('\n')
    .map((line) => {
      const [, , found = ''] = FENCE.exec(line) ?? [];
      if (fence === '' && found !== '') fence = found;
      else if (fence !== '' && found.startsWith(fence)) fence = '';
      else if (fence === '') return line.replace(/(`+)(?!`).*?[^`]\1(?!`)/g, '');
      return '';
    })
    .join('\n');
}

/** Names of the headings as GitHub makes anchors of them. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  for (const heading of headingsOf(text)) {
    const slug = slugOf(heading);
    const nth = seen.get(slug) ?? 0;
    seen.set(slug, nth + 1);
    anchors.add(nth === 0 ? slug : `${slug}-${nth}`);
  }
  return anchors;
}

function headingsOf(text: string): string[] {
  const prose = proseOf(text).split('\n');
  return text
    .split('\n')
    .filter((_, index) => /^#{1,6} /.test(prose[index] ?? ''))
    .map((line) => line.replace(/^#+ +/, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'));
}

/** Rows of all tables in a text, cell by cell; heads and rulers left out. */
export function rowsOf(text: string): string[][] {
  const lines = text.split('\n');
  return lines
    .filter(
      (line, index) =>
        line.startsWith('|') && !/^\|[\s|:-]+\|$/.test(line) && !/^\|[\s|:-]+\|$/.test(lines[index + 1] ?? ''),
    )
    .map((line) =>
      line
        .replace(/^\||\|\s*$/g, '')
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    );
}

/** The text of a cell that is nothing but code: `` `x` `` is x. */
export function codeOf(cell: string | undefined): string | undefined {
  return /^`([^`]+)`$/.exec(cell ?? '')?.[1];
}
