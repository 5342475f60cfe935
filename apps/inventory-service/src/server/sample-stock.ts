import type { InitialStock } from '../data/postgres-stock-repository.js';

/** What a shop that nobody has filled yet sells, so that there is something to order. */
export const SAMPLE_STOCK: InitialStock = { keyboard: 100, lamp: 20, desk: 3 };
