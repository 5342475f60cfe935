/** Configures TLS. Certificate chain and host name are always verified; certificates and keys are PEM. */
export interface TlsOptions {
  /** Lists the certificate authorities to trust instead of those of the system. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Sets the client certificate for mutual TLS. Requires `key`. */
  readonly cert?: string | Buffer;
  /** Sets the private key of `cert`. */
  readonly key?: string | Buffer;
  /** Decrypts `key`. */
  readonly passphrase?: string;
  /** Sets the host name to verify (SNI). @default the host of the address */
  readonly serverName?: string;
  /** Sets the lowest TLS version to accept. @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}
