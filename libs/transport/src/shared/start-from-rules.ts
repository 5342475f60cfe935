import type { OptionRule } from './options.js';

const isOffset = (value: unknown): boolean =>
  typeof value === 'string' && /^\d{1,16}$/.test(value) && Number.isSafeInteger(Number(value));

const isDate = (value: unknown): boolean => value instanceof Date && !Number.isNaN(value.getTime());

/** By partition, at least one. */
const areOffsets = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every(([partition, offset]) => isOffset(partition) && isOffset(offset));
};

function isStartOffsetLike(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const [[name, inside] = [], ...others] = Object.entries(value);
  if (others.length > 0) return false;
  return name === 'offset' ? isOffset(inside) : name === 'offsets' && areOffsets(inside);
}

/** A moment, or a place by offset: what a replay can begin with, too. */
export const startPlaceRule: OptionRule = {
  expected: 'a valid Date, { offset: "120" } or { offsets: { 0: "120" } }',
  accepts: (value) => isDate(value) || isStartOffsetLike(value),
  showsValue: true,
};

export const startFromRule: OptionRule = {
  expected: `"beginning", "new", ${startPlaceRule.expected}`,
  accepts: (value) => value === 'beginning' || value === 'new' || startPlaceRule.accepts(value),
  showsValue: true,
};
