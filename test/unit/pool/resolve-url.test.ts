import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import * as tls from 'node:tls';
import { inspect } from 'node:util';
import { splitPoolOptions } from '../../../src/pool/options/pool-rules.ts';
import type { PoolKind } from '../../../src/pool/options/pool-rules.ts';
import { resolveUrl } from '../../../src/pool/urls/resolve-url.ts';
import { testCertificates } from '../../../src/testkit/servers/certificates.ts';
import { TCPLocation } from '../../../src/transport/location.ts';

type Row = [what: string, url: string, args: object | undefined, expected: Record<string, unknown>];
const manager = { discoverPrimary() {}, discoverReplicas() {} };

describe('a URL over arguments', () => {
  const rows: Row[] = [
    ['the db of the query wins', 'redis://h/2?db=3', { db: 5 }, { db: 3 }],
    ['the db of the path wins over the argument', 'redis://h/2', { db: 5 }, { db: 2 }],
    ['an explicit 0 of the path counts', 'redis://h/0', { db: 5 }, { db: 0 }],
    ['an explicit 0 of the query counts', 'redis://h?db=0', { db: 5 }, { db: 0 }],
    ['a 0 of the query wins over the path', 'redis://h/2?db=0', undefined, { db: 0 }],
    ['the db argument applies when the URL has none', 'redis://h', { db: 5 }, { db: 5 }],
    ['there is no db without a path, a query and an argument', 'redis://h/', undefined, {}],
    ['db: null is passed on', 'redis://h', { db: null }, { db: null }],
    ['a socket has its db in the query', 'unix:///2?db=0', { db: 5 }, { db: 0 }],
    [
      'userinfo wins over arguments',
      'redis://a:b@h',
      { username: 'c', password: 'd' },
      { username: 'a', password: 'b' },
    ],
    [
      'missing parts of userinfo come from the arguments',
      'redis://:b@h',
      { username: 'c', password: 'd' },
      { username: 'c', password: 'b' },
    ],
    [
      'a missing password comes from the arguments',
      'redis://a@h',
      { password: 'd' },
      { username: 'a', password: 'd' },
    ],
    [
      'the query wins over userinfo and arguments',
      'redis://a:b@h?username=x&password=y',
      { username: 'c', password: 'd' },
      { username: 'x', password: 'y' },
    ],
    [
      'query options win',
      'redis://h?max_connections=5',
      { maxConnections: 9, timeout: 3 },
      { maxConnections: 5, timeout: 3 },
    ],
    [
      'false counts as a value',
      'redis://h?decode_responses=false',
      { decodeResponses: true },
      { decodeResponses: false },
    ],
    ['undefined counts as absent', 'redis://h', { timeout: undefined, decodeComponents: undefined }, {}],
  ];
  for (const [what, url, args, expected] of rows) {
    it(what, () => {
      const { location, ...options } = resolveUrl(url, args, 'single').options;
      assert.ok(location !== undefined);
      assert.deepEqual(options, expected);
    });
  }

  it('the connection class and unknown options are kept', () => {
    class Connection {}
    const { options } = resolveUrl('redis://h', { connectionClass: Connection, mine: 1 }, 'single');
    assert.equal(options.connectionClass, Connection);
    assert.deepEqual({ ...splitPoolOptions('single', options, { custom: true }).connection }, { mine: 1 });
    assert.throws(() => splitPoolOptions('single', options), /"mine"/);
  });

  it('the pool takes the resolved options', () => {
    const { options } = resolveUrl(
      'redis://u:p@h:7/2?timeout=0&client_name=n',
      { decodeResponses: true },
      'single',
    );
    const { pool, settings } = splitPoolOptions('single', options);
    assert.equal(String(pool.location), 'h:7');
    assert.equal(pool.timeout, 0);
    assert.deepEqual(
      [settings.username, settings.password, settings.db, settings.clientName],
      ['u', 'p', 2, 'n'],
    );
  });

  it('components are decoded when asked for', () => {
    assert.equal(resolveUrl('redis://u:p%40@h', { decodeComponents: true }, 'single').options.password, 'p@');
    assert.equal(resolveUrl('redis://u:p%40@h', {}, 'single').options.password, 'p%40');
    assert.ok(!('decodeComponents' in resolveUrl('redis://h', { decodeComponents: true }, 'single').options));
  });

  const refused: [PoolKind, string, unknown, RegExp][] = [
    ['single', 'redis://h', { location: new TCPLocation('i', 1) }, /location/],
    ['single', 'redis://h', { host: 'i' }, /host/],
    ['single', 'redis://h', { port: 1 }, /port/],
    ['single', 'redis://h', 'x', /object/],
    ['single', 'redis://h', null, /object/],
    ['cluster', 'redis:///', undefined, /host.*startupNodes/],
    ['cluster', 'unix:///x', undefined, /unix/],
    ['sentinel', 'redis://h', undefined, /sentinelManager/],
    ['sentinel', 'redis://h', { sentinelManager: manager }, /serviceName/],
    ['sentinel', 'redis+sentinel://h/m', { sentinelManager: manager }, /sentinelManager/],
    ['sentinel', 'redis+sentinel://h/m?service_name=n', undefined, /serviceName/],
  ];
  for (const [kind, url, args, says] of refused) {
    it(`a ${kind} pool refuses ${url} with ${inspect(args, { depth: 0 })}`, () => {
      assert.throws(
        () => resolveUrl(url, args as object, kind),
        (error: Error) => error instanceof TypeError && says.test(error.message),
      );
    });
  }

  it('only own properties count', () => {
    const prototype = Object.prototype as unknown as Record<string, unknown>;
    const names = [
      'sslContext',
      'password',
      'db',
      'decodeComponents',
      'startupNodes',
      'location',
      'username',
    ];
    for (const name of names)
      Object.defineProperty(prototype, name, { value: 'polluted', configurable: true });
    try {
      const { options } = resolveUrl('rediss://h', {}, 'single');
      assert.deepEqual(Object.keys(options).sort(), ['location', 'sslContext']);
      assert.deepEqual({ ...(options.sslContext as object) }, { rejectUnauthorized: true });
      assert.equal((resolveUrl('redis://h', {}, 'cluster').options.startupNodes as unknown[]).length, 1);
    } finally {
      for (const name of names) delete prototype[name];
    }
  });

  it('resolved options show no secret', () => {
    const resolved = resolveUrl(
      'redis+sentinel://u:canary@h/m?sentinelPassword=canary',
      { sslContext: { key: 'canary' } },
      'sentinel',
    );
    assert.ok(!inspect(resolved, { depth: 9 }).includes('canary'));
    assert.ok(!JSON.stringify(resolved).includes('canary'));
  });
});

describe('a URL of a cluster', () => {
  it('the URL names the start node', () => {
    assert.deepEqual(String(resolveUrl('redis://h', undefined, 'cluster').options.startupNodes), 'h:6379');
  });
  it('startupNodes win over the URL', () => {
    const startupNodes = [new TCPLocation('i', 1)];
    assert.equal(resolveUrl('redis://h', { startupNodes }, 'cluster').options.startupNodes, startupNodes);
    assert.equal(resolveUrl('redis://?db=0', { startupNodes }, 'cluster').options.startupNodes, startupNodes);
  });
});

describe('a URL of a sentinel pool', () => {
  it('the URL lists sentinels, which get their own credentials', () => {
    const { options, manager: made } = resolveUrl(
      'redis+sentinel://u:p@h,i:7/m/2?sentinel_username=s&sentinel_password=q&min_other_sentinels=1&streamTimeout=9',
      { isPrimary: false, encoding: 'latin1' },
      'sentinel',
    );
    assert.deepEqual(
      { ...options },
      {
        isPrimary: false,
        encoding: 'latin1',
        streamTimeout: 9,
        username: 'u',
        password: 'p',
        db: 2,
        serviceName: 'm',
      },
    );
    assert.deepEqual(made?.sentinels.map(String), ['h:26379', 'i:7']);
    assert.equal(made?.minOtherSentinels, 1);
    assert.deepEqual(
      { ...made?.sentinelOptions },
      { streamTimeout: 9, encoding: 'latin1', username: 's', password: 'q' },
    );
  });

  it('sentinels never get the password of the data servers', () => {
    const { manager: made } = resolveUrl('redis+sentinel://u:p@h/m', undefined, 'sentinel');
    assert.deepEqual({ ...made?.sentinelOptions }, {});
  });

  it('credentials of the sentinels may come from the arguments too', () => {
    const { options, manager: made } = resolveUrl(
      'redis+sentinel://h/m',
      { sentinelUsername: 's', sentinelPassword: 'q' },
      'sentinel',
    );
    assert.deepEqual({ ...made?.sentinelOptions }, { username: 's', password: 'q' });
    assert.deepEqual({ ...options }, { serviceName: 'm' });
  });

  it('TLS is used to the sentinels and to the data servers', () => {
    const { options, manager: made } = resolveUrl('rediss+sentinel://h/m', undefined, 'sentinel');
    assert.deepEqual(options.sslContext, { rejectUnauthorized: true });
    assert.equal(made?.sentinelOptions.sslContext, options.sslContext);
  });

  it('a URL without sentinels supplies options of the data connections', () => {
    const { options, manager: made } = resolveUrl(
      'rediss://u:p@h/2',
      { sentinelManager: manager, serviceName: 'm' },
      'sentinel',
    );
    assert.equal(made, null);
    assert.equal(options.sentinelManager, manager);
    assert.deepEqual(
      [options.username, options.password, options.db, options.serviceName],
      ['u', 'p', 2, 'm'],
    );
    assert.ok(!('location' in options));
  });
});

describe('TLS of a URL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'url-tls-'));
  after(() => rmSync(folder, { recursive: true }));
  const { authority, client, otherClient } = testCertificates();
  const ca = authority.certificate.certPath;

  function file(name: string, content: string): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  }
  async function context(query: string, args?: object): Promise<tls.ConnectionOptions> {
    const given = resolveUrl(`rediss://h${query}`, args, 'single').options.sslContext;
    return typeof given === 'function'
      ? ((await given()) as tls.ConnectionOptions)
      : (given as tls.ConnectionOptions);
  }
  const acceptsAnyName = (options: tls.ConnectionOptions): boolean => {
    return (
      options.checkServerIdentity?.('elsewhere', {} as tls.PeerCertificate) === undefined &&
      options.checkServerIdentity !== undefined
    );
  };

  it('chain and name are verified by default', async () => {
    assert.deepEqual(await context(''), { rejectUnauthorized: true });
    assert.deepEqual(await context('', { sslContext: null }), { rejectUnauthorized: true });
    for (const reqs of ['optional', 'required'])
      assert.deepEqual(await context(`?ssl_cert_reqs=${reqs}`), { rejectUnauthorized: true });
  });

  it('ssl_cert_reqs=none turns off both checks', async () => {
    const options = await context('?ssl_cert_reqs=none');
    assert.equal(options.rejectUnauthorized, false);
    assert.ok(acceptsAnyName(options));
  });

  it('ssl_check_hostname=false turns off the check of the name', async () => {
    const options = await context('?ssl_check_hostname=false');
    assert.equal(options.rejectUnauthorized, true);
    assert.ok(acceptsAnyName(options));
    assert.equal((await context('?ssl_check_hostname=true')).checkServerIdentity, tls.checkServerIdentity);
  });

  it('TLS options of the URL win over an sslContext', async () => {
    const given = { rejectUnauthorized: false, minVersion: 'TLSv1.3' };
    assert.deepEqual(await context('', { sslContext: given }), given);
    assert.deepEqual(await context('?ssl_cert_reqs=required', { sslContext: given }), {
      ...given,
      rejectUnauthorized: true,
    });
    const ask = (): Promise<object> => Promise.resolve(given);
    assert.deepEqual(await context('?ssl_cert_reqs=required', { sslContext: ask }), {
      ...given,
      rejectUnauthorized: true,
    });
  });

  it('authority, certificate and key are read from files', async () => {
    const options = await context(
      `?ssl_ca_certs=${ca}&ssl_certfile=${client.certPath}&ssl_keyfile=${client.keyPath}`,
    );
    assert.deepEqual(options.ca, [authority.certificate.cert]);
    assert.equal(String(options.cert), client.cert);
    assert.equal(String(options.key), client.key);
  });

  it('a folder of authorities is read', async () => {
    file('one.pem', authority.certificate.cert);
    file('notes.txt', 'not a certificate');
    assert.deepEqual((await context(`?ssl_ca_certs=${folder}`)).ca, [authority.certificate.cert]);
  });

  it('the files are read again at every dial', async () => {
    const cert = file('c', client.cert);
    const key = file('k', client.key);
    const { sslContext } = resolveUrl(
      `rediss://h?ssl_certfile=${cert}&ssl_keyfile=${key}`,
      undefined,
      'single',
    ).options;
    const dial = sslContext as () => tls.ConnectionOptions;
    assert.equal(String(dial().cert), client.cert);
    file('c', otherClient.cert);
    file('k', otherClient.key);
    assert.equal(String(dial().cert), otherClient.cert);
  });

  it('a key with a passphrase from the argument is accepted, and neither is shown', () => {
    const bad = `?ssl_certfile=${client.certPath}&ssl_keyfile=${otherClient.keyPath}`;
    assert.throws(
      () => resolveUrl(`rediss://u:canary@h${bad}`, { sslContext: { passphrase: 'canary' } }, 'single'),
      (error) => {
        return error instanceof TypeError && !inspect(error).includes('canary');
      },
    );
  });

  const refused: [query: string, says: RegExp][] = [
    ['ssl_keyfile=/no/such', /ssl_keyfile needs ssl_certfile/],
    ['ssl_certfile=/no/such', /ssl_certfile needs ssl_keyfile/],
    ['ssl_ca_certs=/no/such', /ssl_ca_certs cannot be read: ENOENT/],
    ['ssl_certfile=/no/such&ssl_keyfile=/no/such', /ssl_keyfile cannot be read: ENOENT/],
    ['ssl_cert_reqs=maybe', /ssl_cert_reqs/],
    ['ssl_cert_reqs=NONE', /ssl_cert_reqs/],
    ['ssl_check_hostname=maybe', /ssl_check_hostname/],
    ['ssl_cert_reqs=none&ssl_check_hostname=true', /contradicts/],
    ['ssl_cert_reqs=', /empty/],
    [`ssl_ca_certs=${file('empty', '')}`, /ssl_ca_certs holds no certificate/],
    [
      `ssl_certfile=${file('bad', 'x')}&ssl_keyfile=${file('worse', 'y')}`,
      /hold no valid certificate and key/,
    ],
    [
      `ssl_certfile=${client.certPath}&ssl_keyfile=${otherClient.keyPath}`,
      /hold no valid certificate and key/,
    ],
  ];
  for (const [query, says] of refused) {
    it(`the URL refuses ${query}`, () => {
      assert.throws(
        () => resolveUrl(`rediss://u:p@h?${query}`, undefined, 'single'),
        (error: Error) => {
          return error instanceof TypeError && says.test(error.message);
        },
      );
    });
  }
});
