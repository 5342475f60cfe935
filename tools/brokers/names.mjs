import { randomBytes } from 'node:crypto';

/**
 * A topic or group name that no other test and no other run uses: `orders-3f9a0c1b`.
 * @param {string} [prefix]
 */
export const uniqueName = (prefix = 'test') => `${prefix}-${randomBytes(4).toString('hex')}`;
