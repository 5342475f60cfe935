/** One node and its login. Never log the whole object: it contains the password. */
export interface RabbitmqAddress {
  readonly host: string;
  readonly port: number;
  readonly encrypted: boolean;
  readonly vhost: string;
  readonly username: string;
  readonly password: string;
  /** `host:port`, for errors. */
  readonly name: string;
}

interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly vhost?: string;
}

const PORTS: Readonly<Record<string, number>> = { 'amqp:': 5672, 'amqps:': 5671 };

/**
 * Parses an address. Values of `login` take precedence over those in the text.
 * @param refuse creates the error; it must not contain the text, which may contain a password
 */
export function addressOf(text: string, login: Login, refuse: (why: string) => Error): RabbitmqAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usualPort = url === undefined ? undefined : PORTS[url.protocol];
  if (url === undefined || usualPort === undefined || url.hostname === '') {
    throw refuse('must start with amqp:// or amqps:// and contain a host; this one does not');
  }
  if (url.search !== '' || url.hash !== '') {
    throw refuse(`must end with the virtual host; set what follows "${url.search === '' ? '#' : '?'}" as options`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? usualPort : Number(url.port);
  return {
    host,
    port,
    encrypted: url.protocol === 'amqps:',
    vhost: login.vhost ?? (decode(url.pathname.slice(1), refuse) || '/'),
    username: login.username ?? (decode(url.username, refuse) || 'guest'),
    password: login.password ?? (decode(url.password, refuse) || 'guest'),
    name: `${url.hostname}:${port}`,
  };
}

/** Whether the host is this machine, where nobody can listen on the wire. */
export function isLoopback({ host }: { readonly host: string }): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function decode(text: string, refuse: (why: string) => Error): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refuse('contains an invalid "%" escape; write a literal percent sign as %25');
  }
}
