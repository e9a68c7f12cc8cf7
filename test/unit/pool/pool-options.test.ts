import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { clusterRules, unixRules } from '../../../src/connection/connection-options.ts';
import { splitPoolOptions } from '../../../src/pool/options/pool-rules.ts';
import type { PoolKind } from '../../../src/pool/options/pool-rules.ts';
import { ClusterNodeLocation, TCPLocation } from '../../../src/transport/location.ts';
import { allOptions } from '../../support/all-options.ts';

const location = new TCPLocation('h', 7);
class Connection {}
const cache = { get() {}, put() {}, invalidate() {}, reset() {} };
const policy = { next: () => null };
const manager = { discoverPrimary() {}, discoverReplicas() {} };
const map = { 'a:1': location };
const mapper = (): TCPLocation => location;

const COMMON = {
  connectionClass: null,
  maxConnections: 64,
  acquireTimeout: 10_000,
  timeout: null,
  waitForServer: false,
  cache: null,
  cacheTracking: null,
  cacheable: null,
  maxWaiting: null,
  maxLifetime: null,
  deadPeerTimeout: 30_000,
  leakDetection: null,
  retryPolicy: null,
  sanitizeArguments: null,
  bulkDetour: true,
  credentials: null,
  onConnect: [],
  readFrom: null,
  clientZone: null,
  zoneOf: null,
  fence: null,
  minConnections: 0,
  keepConnected: false,
  maxWaitingBytes: 268_435_456,
  onState: null,
  verifyDelivery: null,
  maintNotifications: 'auto',
};
const DEFAULTS: Record<PoolKind, object> = {
  single: { ...COMMON, location: null, host: null, port: null, replicas: null, followPrimary: false },
  cluster: {
    ...COMMON,
    startupNodes: [],
    maxConnectionsPerNode: false,
    reinitializeSteps: 2,
    skipFullCoverageCheck: false,
    nodemanagerFollowCluster: true,
    readFromReplicas: false,
    readonly: false,
    gcInterval: 30_000,
    addressMap: null,
  },
  sentinel: { ...COMMON, serviceName: null, sentinelManager: null, isPrimary: true, checkConnection: false },
};

describe('pool options', () => {
  for (const kind of ['single', 'cluster', 'sentinel'] as const) {
    it(`options of a ${kind} pool have the defaults of the contract`, () => {
      assert.deepEqual(allOptions(splitPoolOptions(kind, undefined).pool), DEFAULTS[kind]);
    });
  }

  const accepted: [PoolKind, string, unknown, unknown?][] = [
    ['single', 'connectionClass', Connection],
    ['single', 'maxConnections', 1],
    ['single', 'maxConnections', null, 64],
    ['single', 'timeout', 0],
    ['single', 'timeout', 5],
    ['single', 'timeout', null],
    ['single', 'cache', cache],
    ['single', 'cache', null],
    ['single', 'cacheTracking', null],
    ['single', 'maxWaiting', 0],
    ['single', 'maxWaiting', 9],
    ['single', 'maxWaiting', null],
    ['single', 'maxLifetime', 1_000],
    ['single', 'maxLifetime', null],
    ['single', 'deadPeerTimeout', null],
    ['single', 'deadPeerTimeout', 5],
    ['single', 'leakDetection', 5],
    ['single', 'leakDetection', null],
    ['single', 'retryPolicy', policy],
    ['single', 'bulkDetour', false],
    ['single', 'location', location],
    ['single', 'host', 'h'],
    ['single', 'port', 7],
    ['cluster', 'maxConnectionsPerNode', true],
    ['cluster', 'reinitializeSteps', 5],
    ['cluster', 'reinitializeSteps', null, 2],
    ['cluster', 'skipFullCoverageCheck', true],
    ['cluster', 'nodemanagerFollowCluster', false],
    ['cluster', 'readFromReplicas', true],
    ['cluster', 'readonly', true],
    ['cluster', 'gcInterval', 10],
    ['cluster', 'addressMap', map],
    ['cluster', 'addressMap', mapper],
    ['sentinel', 'serviceName', 'm'],
    ['sentinel', 'sentinelManager', manager],
    ['sentinel', 'isPrimary', false],
    ['sentinel', 'checkConnection', true],
  ];
  for (const [kind, name, given, expected = given] of accepted) {
    it(`pool options take ${name}: ${inspect(given, { depth: 0 })}`, () => {
      const { pool } = splitPoolOptions(kind, { [name]: given });
      assert.ok(Object.is((pool as Readonly<Record<string, unknown>>)[name], expected));
    });
  }

  const refused: [PoolKind, string, unknown][] = [
    ...[0, -1, 1.5, NaN, Infinity, '5'].map((value): [PoolKind, string, unknown] => [
      'single',
      'maxConnections',
      value,
    ]),
    ...[-1, NaN, Infinity, '5'].map((value): [PoolKind, string, unknown] => ['single', 'timeout', value]),
    ...[-1, 0.5, NaN, Infinity, '5'].map((value): [PoolKind, string, unknown] => [
      'single',
      'maxWaiting',
      value,
    ]),
    ...['maxLifetime', 'deadPeerTimeout', 'leakDetection'].flatMap((name) => {
      return [0, -1, NaN, Infinity, '5'].map((value): [PoolKind, string, unknown] => ['single', name, value]);
    }),
    ['single', 'connectionClass', {}],
    ['single', 'cache', {}],
    ['single', 'cacheTracking', 'bcast'],
    ['single', 'cacheTracking', { mode: 'noloop' }],
    ['single', 'cacheTracking', { mdoe: 'bcast' }],
    ['single', 'cacheTracking', { prefixes: ['a'] }],
    ['single', 'cacheTracking', { mode: 'bcast', prefixes: ['a', 'ab'] }],
    ['single', 'cacheTracking', { mode: 'bcast', prefixes: 'a' }],
    ['single', 'cacheTracking', { mode: 'bcast', redirect: true }],
    ['single', 'cacheTracking', { redirect: 1 }],
    ['single', 'retryPolicy', {}],
    ['single', 'bulkDetour', 1],
    ['single', 'location', 'h:7'],
    ['single', 'location', { host: 'h', port: 0 }],
    ['single', 'host', ''],
    ['single', 'host', 1],
    ['single', 'port', 0],
    ['single', 'port', 65_536],
    ['single', 'port', '7'],
    ['cluster', 'maxConnectionsPerNode', 1],
    ['cluster', 'reinitializeSteps', 0],
    ['cluster', 'gcInterval', 0],
    ['cluster', 'startupNodes', []],
    ['cluster', 'startupNodes', 'h:7'],
    ['cluster', 'startupNodes', [{ host: 'h' }]],
    ['cluster', 'startupNodes', [null]],
    ['cluster', 'startupNodes', { host: 'h', port: 7 }],
    ['cluster', 'addressMap', 'x'],
    ['sentinel', 'serviceName', ''],
    ['sentinel', 'sentinelManager', {}],
    ['sentinel', 'isPrimary', 'yes'],
    ['single', 'streamTimeout', 0],
    ['cluster', 'db', -1],
  ];
  for (const [kind, name, value] of refused) {
    it(`pool options refuse ${name}: ${inspect(value)}`, () => {
      assert.throws(
        () => splitPoolOptions(kind, { [name]: value }),
        (error: Error) => {
          return error instanceof TypeError && error.message.includes(name);
        },
      );
    });
  }

  it('start nodes become plain locations', () => {
    const node = new ClusterNodeLocation('n', 1, { nodeId: 'x', serverType: 'primary' });
    const { startupNodes } = splitPoolOptions('cluster', {
      startupNodes: new Set([location, { host: 'i', port: 8 }, node]),
    }).pool;
    assert.deepEqual(startupNodes.map(String), ['h:7', 'i:8', 'n:1']);
    assert.ok(startupNodes.every((each) => each.constructor === TCPLocation));
  });
});

describe('splitting pool options', () => {
  it('connections get their own options, as they were given', () => {
    const split = splitPoolOptions('single', {
      maxConnections: 3,
      db: 2,
      streamTimeout: 50,
      socketKeepalive: false,
      decodeResponses: true,
    });
    assert.equal(split.pool.maxConnections, 3);
    assert.deepEqual(
      { ...split.connection },
      { db: 2, streamTimeout: 50, socketKeepalive: false, decodeResponses: true },
    );
    assert.equal(split.settings.streamTimeout, 50);
    assert.equal(split.settings.connectTimeout, 10_000);
    assert.equal(split.settings.decodeResponses, true);
  });

  it('unknown options are refused', () => {
    assert.throws(
      () => splitPoolOptions('single', { max_connections: 3 }),
      /unknown option "max_connections"/,
    );
    assert.throws(() => splitPoolOptions('single', { startupNodes: [location] }), /"startupNodes"/);
    assert.throws(() => splitPoolOptions('cluster', { location }), /"location"/);
    assert.throws(
      () => splitPoolOptions('single', { socketKeepalive: true }, { connectionRules: unixRules }),
      /"socketKeepalive"/,
    );
    assert.throws(
      () => splitPoolOptions('single', { sslContext: {} }, { connectionRules: unixRules }),
      /sslContext/,
    );
    assert.throws(() => splitPoolOptions('single', 'redis://:canary@h' as unknown as object), TypeError);
  });

  it('unknown options are passed to a custom class', () => {
    const split = splitPoolOptions('single', { mine: 7, db: 1, nothing: undefined }, { custom: true });
    assert.deepEqual({ ...split.connection }, { db: 1, mine: 7 });
  });

  it('readFromReplicas stays with the cluster pool', () => {
    const split = splitPoolOptions('cluster', { readFromReplicas: true }, { connectionRules: clusterRules });
    assert.equal(split.pool.readFromReplicas, true);
    assert.deepEqual({ ...split.connection }, {});
  });

  it('only own properties count', () => {
    const names = ['maxConnections', 'timeout', 'location', 'host', 'port', 'password', 'db', 'sslContext'];
    const prototype = Object.prototype as unknown as Record<string, unknown>;
    for (const name of names)
      Object.defineProperty(prototype, name, { value: 'polluted', configurable: true });
    try {
      const { pool, connection, settings } = splitPoolOptions('single', {});
      for (const record of [pool, connection, settings] as Readonly<Record<string, unknown>>[]) {
        for (const name of names) assert.notEqual(record[name], 'polluted', name);
      }
    } finally {
      for (const name of names) delete prototype[name];
    }
  });

  it('split options show no secret', () => {
    const split = splitPoolOptions(
      'single',
      { password: 'canary', sslContext: { key: 'canary' }, more: 1 },
      { custom: true },
    );
    assert.ok(!inspect(split, { depth: 9 }).includes('canary'));
    assert.ok(!JSON.stringify(split).includes('canary'));
    assert.equal(split.connection.password, 'canary');
  });
});
