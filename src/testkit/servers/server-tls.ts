import { testCertificates, type Certificate } from './certificates.ts';
import { type Checks, checkOptions, either, flag, oneOf, texts } from './option-checks.ts';

/** PEM texts, and under `paths` the files that hold them. */
export interface ServerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
  /** An authority that did not sign the server's certificate, and a client certificate it did sign. */
  readonly otherCa: string;
  readonly otherClientCert: string;
  readonly otherClientKey: string;
  /** The server refuses clients without a certificate. */
  readonly mutual: boolean;
  readonly paths: {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    readonly clientCert: string;
    readonly clientKey: string;
    readonly otherCa: string;
    readonly otherClientCert: string;
    readonly otherClientKey: string;
  };
}

export interface TlsOptions {
  /** Refuse clients that show no certificate; default: take those too. */
  readonly mutual?: boolean | undefined;
  /** The server's certificate; default `valid`: localhost, 127.0.0.1 and ::1. */
  readonly certificate?: 'valid' | 'expired' | 'wrong-host' | 'other-ca' | undefined;
  /** Host names and addresses of a certificate made for this server alone. */
  readonly names?: readonly string[] | undefined;
}

const CHECKS: Checks<TlsOptions> = {
  mutual: flag,
  certificate: oneOf('valid', 'expired', 'wrong-host', 'other-ca'),
  names: texts,
};

/** Checks the option `tls` of a server: a boolean or TLS options. */
export const checkTls = either('boolean', (name, value) => {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${name} must be a boolean or options`);
  checkOptions(value as TlsOptions, CHECKS, `${name}.`);
});

function shown(options: TlsOptions): Certificate {
  const set = testCertificates();
  if (options.names !== undefined) return set.authority.issue({ names: options.names });
  switch (options.certificate) {
    case 'expired':
      return set.expired;
    case 'wrong-host':
      return set.wrongHost;
    case 'other-ca':
      return set.otherServer;
    default:
      return set.server;
  }
}

export function serverTls(options: boolean | TlsOptions | undefined): ServerTls | null {
  if (options === undefined || options === false) return null;
  const asked = options === true ? {} : options;
  const { authority, otherAuthority, client, otherClient } = testCertificates();
  const server = shown(asked);
  return {
    ca: authority.certificate.cert,
    cert: server.cert,
    key: server.key,
    clientCert: client.cert,
    clientKey: client.key,
    otherCa: otherAuthority.certificate.cert,
    otherClientCert: otherClient.cert,
    otherClientKey: otherClient.key,
    mutual: asked.mutual === true,
    paths: {
      ca: authority.certificate.certPath,
      cert: server.certPath,
      key: server.keyPath,
      clientCert: client.certPath,
      clientKey: client.keyPath,
      otherCa: otherAuthority.certificate.certPath,
      otherClientCert: otherClient.certPath,
      otherClientKey: otherClient.keyPath,
    },
  };
}

/** TLS lines of the configuration; the server's own links (replication, cluster bus, sentinel) use TLS too. */
export function tlsLines(tls: ServerTls, port: number): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file "${tls.paths.cert}"`,
    `tls-key-file "${tls.paths.key}"`,
    `tls-ca-cert-file "${tls.paths.ca}"`,
    `tls-auth-clients ${tls.mutual ? 'yes' : 'optional'}`,
    'tls-replication yes',
  ];
}
