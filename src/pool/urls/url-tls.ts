import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as tls from 'node:tls';
import type { SSLContext } from '../../connection/connection-options.ts';
import { parseBoolean } from '../../connection/option-rules.ts';

const NAMES = ['ssl_cert_reqs', 'ssl_check_hostname', 'ssl_keyfile', 'ssl_certfile', 'ssl_ca_certs'] as const;
export type SslOptions = ReadonlyMap<string, string>;

export function isSslOption(name: string): boolean {
  return (NAMES as readonly string[]).includes(name);
}

/**
 * The TLS options of a URL with TLS: the defaults (verification), overridden by `sslContext`, overridden by the URL.
 * Files are read now, to find mistakes early, and again at every dial, to use rotated certificates.
 */
export function buildSslContext(ssl: SslOptions, given: SSLContext | null | undefined): SSLContext {
  const fixed = verification(ssl);
  const readFiles = fileReader(ssl);
  const compose = (context: tls.ConnectionOptions | null | undefined): tls.ConnectionOptions => {
    return { rejectUnauthorized: true, ...context, ...fixed, ...readFiles() };
  };
  if (typeof given === 'function') {
    readFiles();
    return async () => compose(await given());
  }
  const first = compose(given);
  if (!usesFiles(ssl)) return first;
  try {
    tls.createSecureContext(first);
  } catch (cause) {
    throw new TypeError('ssl_certfile, ssl_keyfile and ssl_ca_certs hold no valid certificate and key', {
      cause,
    });
  }
  return () => compose(given);
}

function verification(ssl: SslOptions): tls.ConnectionOptions {
  const required = ssl.get('ssl_cert_reqs');
  const hostname = ssl.get('ssl_check_hostname');
  const checked = hostname === undefined ? undefined : parseBoolean('ssl_check_hostname', hostname);
  switch (required) {
    case 'none':
      if (checked === true) throw new TypeError('ssl_check_hostname=true contradicts ssl_cert_reqs=none');
      return { rejectUnauthorized: false, checkServerIdentity: acceptAnyName };
    case undefined:
    case 'optional':
    case 'required': {
      const options: tls.ConnectionOptions = required === undefined ? {} : { rejectUnauthorized: true };
      if (checked === true) options.checkServerIdentity = tls.checkServerIdentity;
      if (checked === false) options.checkServerIdentity = acceptAnyName;
      return options;
    }
    default:
      throw new TypeError('ssl_cert_reqs must be none, optional or required');
  }
}

function acceptAnyName(): undefined {
  return undefined;
}

function usesFiles(ssl: SslOptions): boolean {
  return ssl.has('ssl_keyfile') || ssl.has('ssl_certfile') || ssl.has('ssl_ca_certs');
}

function fileReader(ssl: SslOptions): () => tls.ConnectionOptions {
  const key = ssl.get('ssl_keyfile');
  const cert = ssl.get('ssl_certfile');
  const ca = ssl.get('ssl_ca_certs');
  if (key !== undefined && cert === undefined) throw new TypeError('ssl_keyfile needs ssl_certfile');
  if (cert !== undefined && key === undefined) throw new TypeError('ssl_certfile needs ssl_keyfile');
  return () => {
    const options: tls.ConnectionOptions = {};
    if (key !== undefined) options.key = reading('ssl_keyfile', () => readFileSync(key));
    if (cert !== undefined) options.cert = reading('ssl_certfile', () => readFileSync(cert));
    if (ca !== undefined) options.ca = reading('ssl_ca_certs', () => readAuthorities(ca));
    return options;
  };
}

/** Reads a file, or every file in a folder. */
function readAuthorities(path: string): string[] {
  const files = statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
  const texts = files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file, 'latin1'));
  const authorities = texts.filter((text) => /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(text));
  if (authorities.length === 0) throw new TypeError('ssl_ca_certs holds no certificate');
  return authorities;
}

function reading<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof TypeError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new TypeError(`${name} cannot be read: ${code}`, { cause });
  }
}
