import { nameClass } from '../../base/classes.ts';
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  der,
  derBits,
  derInteger,
  derObjectId,
  derOctets,
  derSequence,
  derSet,
  derTime,
  derTrue,
  derUtf8,
} from './der.ts';
import { workFolder } from './watchdog.ts';

/** PEM texts; `path` names the same texts as files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

export interface CertificateOptions {
  /** Host names and IP addresses of the subject; default: localhost, 127.0.0.1 and ::1. */
  readonly names?: readonly string[] | undefined;
  readonly commonName?: string | undefined;
  readonly notBefore?: Date | undefined;
  readonly notAfter?: Date | undefined;
}

const DAY = 86_400_000;
const ECDSA_SHA256 = derSequence(derObjectId('1.2.840.10045.4.3.2'));
const DEFAULT_NAMES = ['localhost', '127.0.0.1', '::1'];

let files = 0;

function distinguishedName(commonName: string): Buffer {
  return derSequence(derSet(derSequence(derObjectId('2.5.4.3'), derUtf8(commonName))));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function alternativeNames(names: readonly string[]): Buffer {
  return derSequence(
    ...names.map((name) => (isIP(name) === 0 ? der(0x82, Buffer.from(name)) : der(0x87, addressBytes(name)))),
  );
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return derSequence(derObjectId(id), ...(critical ? [derTrue()] : []), derOctets(value));
}

function extensions(names: readonly string[] | null): Buffer {
  const list =
    names === null
      ? [
          extension('2.5.29.19', true, derSequence(derTrue())),
          extension('2.5.29.15', true, derBits(Buffer.from([0x06]), 1)),
        ]
      : [
          extension('2.5.29.19', true, derSequence()),
          extension(
            '2.5.29.37',
            false,
            derSequence(derObjectId('1.3.6.1.5.5.7.3.1'), derObjectId('1.3.6.1.5.5.7.3.2')),
          ),
          extension('2.5.29.17', false, alternativeNames(names)),
        ];
  return der(0xa3, derSequence(...list));
}

function pem(content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

interface Subject {
  readonly commonName: string;
  readonly issuer: string;
  readonly issuerKey: KeyObject;
  readonly publicKey: KeyObject;
  /** `null` makes a certificate authority. */
  readonly names: readonly string[] | null;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

function certify(subject: Subject): string {
  const serial = randomBytes(8);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const body = derSequence(
    der(0xa0, derInteger(Buffer.from([2]))),
    derInteger(serial),
    ECDSA_SHA256,
    distinguishedName(subject.issuer),
    derSequence(derTime(subject.notBefore), derTime(subject.notAfter)),
    distinguishedName(subject.commonName),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    extensions(subject.names),
  );
  return pem(derSequence(body, ECDSA_SHA256, derBits(sign('sha256', body, subject.issuerKey))));
}

function store(label: string, cert: string, privateKey: KeyObject): Certificate {
  const folder = join(workFolder(), 'certificates');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stem = join(folder, `${label}-${++files}`);
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  writeFileSync(`${stem}.crt`, cert);
  writeFileSync(`${stem}.key`, key, { mode: 0o600 });
  return { cert, key, certPath: `${stem}.crt`, keyPath: `${stem}.key` };
}

/**
 * A certificate authority of its own, with ECDSA P-256 keys; needs no openssl binary.
 *
 * @example const { certPath, keyPath } = new CertificateAuthority('test').issue({ names: ['cache.example'] });
 */
export class CertificateAuthority {
  readonly name: string;
  readonly certificate: Certificate;
  readonly #key: KeyObject;

  constructor(name = 'respool test CA') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.name = name;
    this.#key = privateKey;
    const cert = certify({
      commonName: name,
      issuer: name,
      issuerKey: privateKey,
      publicKey,
      names: null,
      notBefore: new Date(Date.now() - 30 * DAY),
      notAfter: new Date(Date.now() + 3650 * DAY),
    });
    this.certificate = store('ca', cert, privateKey);
  }

  /** For servers and clients alike. */
  issue(options: CertificateOptions = {}): Certificate {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = options.names ?? DEFAULT_NAMES;
    const commonName = options.commonName ?? names[0] ?? 'localhost';
    const cert = certify({
      commonName,
      issuer: this.name,
      issuerKey: this.#key,
      publicKey,
      names,
      notBefore: options.notBefore ?? new Date(Date.now() - DAY),
      notAfter: options.notAfter ?? new Date(Date.now() + 365 * DAY),
    });
    return store(commonName.replace(/[^\w.-]/g, '_'), cert, privateKey);
  }
}
nameClass(CertificateAuthority, 'CertificateAuthority');

/** Valid and invalid certificates for TLS tests; one set for the whole process. */
export interface TestCertificates {
  readonly authority: CertificateAuthority;
  /** Another authority, which is not trusted by default. */
  readonly otherAuthority: CertificateAuthority;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: Certificate;
  readonly client: Certificate;
  readonly otherServer: Certificate;
  readonly otherClient: Certificate;
  readonly expired: Certificate;
  readonly wrongHost: Certificate;
}

let made: TestCertificates | null = null;

/**
 * The certificates of servers with `tls`, and wrong ones to test with; made once for each process.
 *
 * @example const { authority, expired } = testCertificates();
 */
export function testCertificates(): TestCertificates {
  if (made !== null) return made;
  const authority = new CertificateAuthority();
  const otherAuthority = new CertificateAuthority('respool other test CA');
  made = {
    authority,
    otherAuthority,
    server: authority.issue(),
    client: authority.issue({ names: ['client'] }),
    otherServer: otherAuthority.issue(),
    otherClient: otherAuthority.issue({ names: ['client'] }),
    expired: authority.issue({
      notBefore: new Date(Date.now() - 20 * DAY),
      notAfter: new Date(Date.now() - 10 * DAY),
    }),
    wrongHost: authority.issue({ names: ['elsewhere.example'] }),
  };
  return made;
}
nameClass(testCertificates, 'testCertificates');
