import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import {
  clusterRules,
  keepAliveOf,
  normalizeConnectionOptions,
  tcpRules,
  unixRules,
} from '../../../src/connection/connection-options.ts';
import { UserPassCredentialProvider } from '../../../src/interfaces/credential-provider.ts';
import { allOptions } from '../../support/all-options.ts';

const limiter = { acquire: () => Promise.resolve(), release() {}, available: 1 };
const provider = new UserPassCredentialProvider();
const context = { ca: 'x' };
const ask = (): object => context;

describe('connection options', () => {
  it('connection options have the defaults of the contract', () => {
    assert.deepEqual(allOptions(normalizeConnectionOptions(undefined)), {
      streamTimeout: null,
      connectTimeout: 10_000,
      maxIdleTime: null,
      encoding: 'utf-8',
      decodeResponses: false,
      resp2Replies: false,
      protocol: 'auto',
      clientInfo: null,
      credentialProvider: null,
      username: null,
      password: null,
      clientName: null,
      db: 0,
      noreply: false,
      noevict: false,
      notouch: false,
      sslContext: null,
      processingBudget: null,
      maxBufferedBytes: 67_108_864,
      traceCalls: false,
    });
    const tcp = normalizeConnectionOptions({}, { extra: tcpRules });
    assert.deepEqual(keepAliveOf(tcp), { enabled: true, idle: undefined });
    assert.equal(normalizeConnectionOptions({}, { extra: clusterRules }).readFromReplicas, false);
  });

  const accepted: [string, unknown, unknown][] = [
    ['streamTimeout', 250, 250],
    ['streamTimeout', null, null],
    ['streamTimeout', 0.5, 0.5],
    ['streamTimeout', 2 ** 40, 2 ** 31 - 1],
    ['streamTimeout', Number.MIN_VALUE, Number.MIN_VALUE],
    ['connectTimeout', null, null],
    ['connectTimeout', 1, 1],
    ['maxIdleTime', 3, 3],
    ['encoding', 'latin1', 'latin1'],
    ['encoding', 'utf8', 'utf8'],
    ['encoding', 'ascii', 'ascii'],
    ['decodeResponses', true, true],
    ['noreply', true, true],
    ['noevict', true, true],
    ['notouch', true, true],
    ['credentialProvider', provider, provider],
    ['credentialProvider', null, null],
    ['username', 'a b\r\nc', 'a b\r\nc'],
    ['username', null, null],
    ['password', '', ''],
    ['password', 'p\0w', 'p\0w'],
    ['clientName', 'n', 'n'],
    ['clientName', '', null],
    ['clientName', null, null],
    ['db', 0, 0],
    ['db', 15, 15],
    ['db', null, 0],
    ['db', -0, 0],
    ['sslContext', context, context],
    ['sslContext', ask, ask],
    ['sslContext', null, null],
    ['processingBudget', limiter, limiter],
    ['maxBufferedBytes', 1, 1],
  ];
  for (const [name, given, expected] of accepted) {
    it(`connection options take ${name}: ${inspect(given, { depth: 0 })}`, () => {
      const options = normalizeConnectionOptions({ [name]: given }) as Readonly<Record<string, unknown>>;
      assert.ok(Object.is(options[name], expected), String(options[name]));
    });
  }

  const durations = ['streamTimeout', 'connectTimeout', 'maxIdleTime'];
  const refused: [string, unknown][] = [
    ...durations.flatMap((name) =>
      [0, -1, -0, NaN, Infinity, -Infinity, '1', true, 1n, {}].map((value): [string, unknown] => [
        name,
        value,
      ]),
    ),
    ['encoding', 'utf-16'],
    ['encoding', null],
    ['encoding', 7],
    ...['decodeResponses', 'noreply', 'noevict', 'notouch'].flatMap((name) => {
      return ['true', 1, 0, null].map((value): [string, unknown] => [name, value]);
    }),
    ['credentialProvider', {}],
    ['credentialProvider', 'p'],
    ['credentialProvider', () => ({})],
    ['username', 1],
    ['password', 1],
    ['password', Buffer.from('x')],
    ['clientName', 'a b'],
    ['clientName', 'a\r\nb'],
    ['clientName', 'a\nb'],
    ['clientName', '\0'],
    ['clientName', '\x7f'],
    ['clientName', '\t'],
    ['clientName', '\u00a0'],
    ['clientName', 1],
    ['db', -1],
    ['db', 1.5],
    ['db', NaN],
    ['db', Infinity],
    ['db', '1'],
    ['db', 1n],
    ['sslContext', true],
    ['sslContext', 'x'],
    ['processingBudget', {}],
    ['processingBudget', 1],
    ['maxBufferedBytes', 0],
    ['maxBufferedBytes', -1],
    ['maxBufferedBytes', 1.5],
    ['maxBufferedBytes', NaN],
    ['maxBufferedBytes', Infinity],
  ];
  for (const [name, value] of refused) {
    it(`connection options refuse ${name}: ${inspect(value)}`, () => {
      assert.throws(
        () => normalizeConnectionOptions({ [name]: value }),
        (error: Error) => {
          assert.ok(error instanceof TypeError);
          assert.ok(error.message.includes(name), error.message);
          return true;
        },
      );
    });
  }

  it('undefined counts as absent', () => {
    const options = { streamTimeout: undefined, encoding: undefined, whatever: undefined };
    assert.equal(normalizeConnectionOptions(options).encoding, 'utf-8');
  });

  it('an unknown option is named', () => {
    assert.throws(() => normalizeConnectionOptions({ stream_timeout: 1 }), /unknown option "stream_timeout"/);
    assert.throws(() => normalizeConnectionOptions({ socketKeepalive: true }), /"socketKeepalive"/);
    assert.throws(
      () => normalizeConnectionOptions(JSON.parse('{"__proto__": {"db": 3}}') as object),
      /"__proto__"/,
    );
    assert.throws(() => normalizeConnectionOptions({ constructor: 1 }), /"constructor"/);
    const dropped = normalizeConnectionOptions({ mine: 1, db: 2 }, { unknown: 'drop' });
    assert.equal(dropped.db, 2);
    assert.ok(!('mine' in dropped));
  });

  it('connection options must be an object', () => {
    for (const value of [null, 'redis://h', 7, true]) {
      assert.throws(() => normalizeConnectionOptions(value as unknown as object), TypeError);
    }
  });

  it('checked options are a frozen copy', () => {
    const given = { db: 1 };
    const options = normalizeConnectionOptions(given);
    given.db = 2;
    assert.equal(options.db, 1);
    assert.ok(Object.isFrozen(options));
  });

  it('only own properties count', () => {
    const names = [
      'streamTimeout',
      'connectTimeout',
      'maxIdleTime',
      'encoding',
      'decodeResponses',
      'credentialProvider',
      'username',
      'password',
      'clientName',
      'db',
      'noreply',
      'noevict',
      'notouch',
      'sslContext',
      'processingBudget',
      'maxBufferedBytes',
      'socketKeepalive',
      'socketKeepaliveOptions',
      'readFromReplicas',
      'tls',
    ];
    const clean = allOptions(normalizeConnectionOptions({}, { extra: clusterRules }));
    const prototype = Object.prototype as unknown as Record<string, unknown>;
    for (const name of names)
      Object.defineProperty(prototype, name, { value: 'polluted', configurable: true });
    try {
      const options = normalizeConnectionOptions({}, { extra: clusterRules }) as Readonly<
        Record<string, unknown>
      >;
      for (const name of names) assert.notEqual(options[name], 'polluted', name);
      assert.equal(options.tls, undefined);
      assert.equal(options.db, clean.db);
      assert.equal(normalizeConnectionOptions(Object.create({ db: 9 }) as object).db, 0);
    } finally {
      for (const name of names) delete prototype[name];
    }
  });

  it('checked options show no secret', () => {
    const options = normalizeConnectionOptions({
      username: 'u',
      password: 'canary',
      sslContext: { key: 'canary', passphrase: 'canary' },
      credentialProvider: { getCredentials: () => Promise.resolve({}), secret: 'canary' },
    });
    assert.equal(options.password, 'canary');
    for (const shown of [
      inspect(options),
      inspect({ options }),
      JSON.stringify(options),
      JSON.stringify([options]),
    ]) {
      assert.ok(!shown.includes('canary'), shown);
      assert.match(shown, /hidden/);
    }
    assert.throws(
      () => normalizeConnectionOptions({ password: ['canary'] }),
      (error) => !inspect(error).includes('canary'),
    );
    assert.throws(
      () => normalizeConnectionOptions('redis://:canary@h' as unknown as object),
      (error) => {
        return !inspect(error).includes('canary');
      },
    );
  });
});

describe('keep-alive options', () => {
  const keepAlive = (options: object): object =>
    keepAliveOf(normalizeConnectionOptions(options, { extra: tcpRules }));

  it('keep-alive options reach the transport', () => {
    assert.deepEqual(keepAlive({ socketKeepaliveOptions: { idle: 60_000 } }), {
      enabled: true,
      idle: 60_000,
    });
    assert.deepEqual(keepAlive({ socketKeepalive: false, socketKeepaliveOptions: { idle: 60_000 } }), {
      enabled: false,
      idle: 60_000,
    });
    assert.deepEqual(keepAlive({ socketKeepalive: null, socketKeepaliveOptions: null }), {
      enabled: true,
      idle: undefined,
    });
    assert.deepEqual(keepAlive({ socketKeepaliveOptions: { interval: undefined } }), {
      enabled: true,
      idle: undefined,
    });
  });

  for (const details of [
    { interval: 1_000 },
    { count: 3 },
    { idle: 0 },
    { idle: 999 },
    { idle: -1 },
    { idle: '60000' },
    { delay: 1 },
    7,
  ]) {
    it(`keep-alive options refuse ${JSON.stringify(details)}`, () => {
      assert.throws(() => keepAlive({ socketKeepaliveOptions: details }), TypeError);
    });
  }

  it('a keep-alive switch must be a boolean', () => {
    assert.throws(() => keepAlive({ socketKeepalive: 1 }), /socketKeepalive/);
  });
});

describe('options of a Unix domain socket', () => {
  it('a Unix domain socket takes no TLS and no keep-alive', () => {
    assert.throws(() => normalizeConnectionOptions({ sslContext: {} }, { extra: unixRules }), /sslContext/);
    assert.equal(normalizeConnectionOptions({ sslContext: null }, { extra: unixRules }).sslContext, null);
    assert.throws(
      () => normalizeConnectionOptions({ socketKeepalive: true }, { extra: unixRules }),
      /socketKeepalive/,
    );
  });
});
