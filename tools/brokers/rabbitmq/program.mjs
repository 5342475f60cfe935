import { findProgram } from '../find-program.mjs';

/**
 * Where packages keep the program itself. Debian's `rabbitmq-server` on the PATH is a wrapper that changes the user and
 * the folder; the program itself runs as anybody, in the folders that it is given.
 */
const PACKAGED = ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin', '/usr/local/sbin'];

/** @returns {string | undefined} the path of rabbitmq-server */
export const rabbitmqServer = () => findProgram(['rabbitmq-server'], PACKAGED);

/** @returns {string | undefined} the path of epmd, which comes with Erlang and tells Erlang nodes each other's ports */
export const epmdProgram = () => findProgram(['epmd']);
