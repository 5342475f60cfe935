import { TransportError } from '../contract/index.js';

/** A project is written in a way that a schematic cannot change. The text says where, and what to write by hand. */
export const unexpected = (text: string): TransportError => new TransportError('TRANSPORT_PROJECT_UNEXPECTED', text);

/** An option of a schematic has a value that it cannot take. */
export const invalidOption = (text: string): TransportError => new TransportError('TRANSPORT_OPTION_INVALID', text);
