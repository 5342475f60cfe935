import { TransportError } from '../contract/index.js';

/** What one option may be, and the words an error uses for it. `undefined` always counts as absent. */
export interface OptionRule {
  readonly expected: string;
  /** Asked once per value that is given; never of `undefined`. */
  readonly accepts: (value: unknown) => boolean;
  /** Whether an error may show the value that was given; never where it may hold a secret, an address with a password too. @default false */
  readonly showsValue?: boolean;
  /** Of a list: what an entry may be, so that an error can show the one that is wrong. */
  readonly acceptsEntry?: (entry: unknown) => boolean;
}

const rule = (expected: string, accepts: (value: unknown) => boolean, showsValue = false): OptionRule => ({
  expected,
  accepts,
  showsValue,
});

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function listOf(of: string, accepts: (item: string) => boolean): OptionRule {
  const acceptsEntry = (item: unknown): boolean => typeof item === 'string' && accepts(item);
  const isList = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(acceptsEntry);
  return { ...rule(`an array of ${of}, at least one`, isList), acceptsEntry };
}

/** The rules that options are written with. */
export const option = {
  integer: (min: number, max = Number.MAX_SAFE_INTEGER): OptionRule =>
    rule(
      max === Number.MAX_SAFE_INTEGER ? `an integer >= ${min}` : `an integer from ${min} to ${max}`,
      (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
      true,
    ),
  text: rule('a text that is not empty', (value) => typeof value === 'string' && value !== ''),
  flag: rule('true or false', (value) => typeof value === 'boolean', true),
  oneOf: (...choices: readonly (string | number | boolean)[]): OptionRule =>
    rule(
      `one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`,
      (value) => choices.includes(value as string),
      true,
    ),
  texts: listOf('texts', (item) => item !== ''),
  /** A list of texts that is not empty. @param of what they are, in the plural */
  list: listOf,
  record: rule('an object', isRecord),
  fn: rule('a function', (value) => typeof value === 'function'),
  any: rule('anything', () => true),
  either: (...rules: readonly OptionRule[]): OptionRule =>
    rule(rules.map(({ expected }) => expected).join(', or '), (value) => rules.some(({ accepts }) => accepts(value))),
} as const;

/**
 * Refuses unknown names and wrong values.
 * @param where how the reader finds the options: `kafka()`, `@Subscribe("order.created") in InventoryController.reserve`
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN` with the nearest known name, `TRANSPORT_OPTION_INVALID`
 */
export function checkOptions(where: string, options: unknown, rules: Readonly<Record<string, OptionRule>>): void {
  if (!isRecord(options)) {
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      `${where} takes an object of options, got ${describe(options, false)}.`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const known = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (known === undefined) throw unknownOption(where, name, Object.keys(rules));
    if (value !== undefined && !known.accepts(value)) {
      throw new TransportError(
        'TRANSPORT_OPTION_INVALID',
        `${where}: ${name} must be ${known.expected}, got ${given(value, known)}.`,
      );
    }
  }
}

/** `options` over `defaults`, field by field; a field that is undefined counts as absent. */
export function withDefaults<Options extends object, Defaults extends Partial<Options>>(
  options: Options,
  defaults: Defaults,
): Options & Required<Pick<Options, keyof Defaults & keyof Options>> {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...defaults, ...given } as unknown as Options & Required<Pick<Options, keyof Defaults & keyof Options>>;
}

/** A value in the text of a conflict: a reader does not look for an option that nobody wrote. */
export const valueText = (value: number, byDefault: number): string =>
  value === byDefault ? `${value}, the default` : `${value}`;

function unknownOption(where: string, name: string, known: readonly string[]): TransportError {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? `Known are ${known.join(', ')}.` : `Did you mean "${nearest}"?`;
  return new TransportError('TRANSPORT_OPTION_UNKNOWN', `${where} has no option "${name}". ${hint}`);
}

function given(value: unknown, { acceptsEntry, showsValue = false }: OptionRule): string {
  const wrong =
    acceptsEntry === undefined || !Array.isArray(value) ? -1 : value.findIndex((each) => !acceptsEntry(each));
  if (wrong < 0) return describe(value, showsValue);
  const entry: unknown = (value as readonly unknown[])[wrong];
  // n.b. what stands before an "@" may be a password.
  const text = typeof entry === 'string' && entry.includes('@') ? 'a text with "@"' : describe(entry, true);
  return `${text} as entry ${wrong + 1} of ${(value as readonly unknown[]).length}`;
}

function describe(value: unknown, shown: boolean): string {
  // n.b. nothing that is inside an object is ever shown: it may hold a password.
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
  if (typeof value === 'function') return 'a function';
  if (value === undefined || value === null) return String(value);
  if (value === '') return 'an empty text';
  if (!shown) return `a value of type ${typeof value}`;
  return `${typeof value === 'string' ? JSON.stringify(value) : String(value)} (${typeof value})`;
}

/** The known name with the fewest edits, when it is near enough to have been meant. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const byDistance = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return byDistance !== undefined && byDistance.distance <= Math.max(2, name.length / 3)
    ? byDistance.candidate
    : undefined;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next[j] = Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
