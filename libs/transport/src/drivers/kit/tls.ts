import type { TlsOptions } from '../../contract/index.js';
import { checkOptions, option, type OptionRule } from '../../shared/index.js';

const isPem = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value);

const pem: OptionRule = { expected: 'a PEM text or a Buffer', accepts: isPem };

const pems: OptionRule = {
  expected: 'a PEM text, a Buffer, or an array of them',
  accepts: (value) => isPem(value) || (Array.isArray(value) && value.every(isPem)),
};

/** The rules of `TlsOptions`. */
export const TLS_RULES = {
  ca: pems,
  cert: pem,
  key: pem,
  passphrase: option.text,
  serverName: option.text,
  minVersion: option.oneOf('TLSv1.2', 'TLSv1.3'),
} as const satisfies Record<keyof TlsOptions, OptionRule>;

/** The rule of the option `tls` itself. */
export const tlsRule: OptionRule = {
  expected: 'true or an object',
  accepts: (value) => value === true || option.record.accepts(value),
};

/**
 * Checks the option `tls`.
 * @param where how a reader finds the options: `kafka()`
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function checkTls(
  where: string,
  tls: true | TlsOptions | undefined,
  rules: Readonly<Record<string, OptionRule>> = TLS_RULES,
): void {
  if (tls !== undefined && tls !== true) checkOptions(`${where} tls`, tls, rules);
}

/** Whether only one of `cert` and `key` is set. */
export const isHalfCertificate = (tls: true | TlsOptions | undefined): boolean =>
  tls !== undefined && tls !== true && (tls.cert === undefined) !== (tls.key === undefined);
