import { checkOptions, option, type OptionRule } from '../../shared/index.js';

/** An encrypted connection; certificate chain and host name are always verified. Certificates and keys are PEM texts. */
export interface TlsOptions {
  /** Authorities to trust instead of the system's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** The client's own certificate, where the broker asks for one (mutual TLS). */
  readonly cert?: string | Buffer;
  /** The private key of `cert`. */
  readonly key?: string | Buffer;
  /** Opens `key`. */
  readonly passphrase?: string;
  /** The name to verify, when it is not the host of the address. */
  readonly serverName?: string;
  /** @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

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

/** Whether `cert` or `key` stands alone: they come together. */
export const isHalfCertificate = (tls: true | TlsOptions | undefined): boolean =>
  tls !== undefined && tls !== true && (tls.cert === undefined) !== (tls.key === undefined);
