import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RedisClusterError } from '../../../../src/errors/errors.ts';
import { addressResolver, resolveAll } from '../../../../src/topology/cluster/address-map.ts';
import { TCPLocation } from '../../../../src/transport/location.ts';

const outside = new TCPLocation('proxy', 9000);

test('an address without a map is itself', () => {
  for (const none of [undefined, null]) assert.equal(String(addressResolver(none)('h', 1)), 'h:1');
});

test('a record maps its keys, with IPv6 in both spellings and in any case', () => {
  const resolve = addressResolver({
    '10.0.0.1:7000': outside,
    '[::1]:7001': outside,
    'fe80::1:7002': outside,
  });
  assert.equal(resolve('10.0.0.1', 7000), outside);
  assert.equal(resolve('::1', 7001), outside);
  assert.equal(resolve('FE80::1', 7002), outside);
  assert.equal(String(resolve('10.0.0.1', 7001)), '10.0.0.1:7001');
  assert.equal(String(resolve('__proto__', 7000)), '__proto__:7000');
});

test('without a host the mapping is found by the announced address of the asked node', () => {
  const seven = new TCPLocation('proxy', 17_000);
  const eight = new TCPLocation('proxy', 18_000);
  const resolve = addressResolver({ '10.0.0.1:7000': seven, '10.0.0.1:8000': eight, 'proxy:9000': outside });
  assert.equal(resolve('proxy', 8000, seven), eight);
  assert.equal(resolve('PROXY', 7000, new TCPLocation('Proxy', 18_000)), seven);
  assert.equal(resolve('proxy', 9000, seven), outside, 'what is named as it is asked comes first');
  assert.equal(String(resolve('proxy', 8001, seven)), 'proxy:8001');
  assert.equal(String(resolve('proxy', 8000, new TCPLocation('proxy', 1))), 'proxy:8000');
  assert.equal(String(resolve('proxy', 8000)), 'proxy:8000');
});

test('a record is read once', () => {
  const record: Record<string, TCPLocation> = { 'a:1': outside };
  const resolve = addressResolver(record);
  delete record['a:1'];
  assert.equal(resolve('a', 1), outside);
});

test('a function maps addresses; its failures are a typed error', () => {
  assert.equal(String(addressResolver((host, port) => new TCPLocation(`${host}.x`, port))('h', 1)), 'h.x:1');
  const broken = addressResolver(() => {
    throw new Error('no');
  });
  assert.throws(
    () => broken('h', 1),
    (error: Error) => error instanceof RedisClusterError && error.cause instanceof Error,
  );
  assert.throws(() => addressResolver((() => 7) as never)('h', 1), RedisClusterError);
});

test('a wrong option is a TypeError that names it', () => {
  for (const wrong of [{ a: outside }, { ':1': outside }, { 'a:x': outside }, { 'a:1': 'b:2' }, 7, 'x']) {
    assert.throws(() => addressResolver(wrong as never), { name: 'TypeError', message: /addressMap/ });
  }
});

test('null refuses an address; plain objects are locations', () => {
  for (const map of [
    { 'evil:1': null, 'a:1': { host: 'b', port: 2 } },
    (host: string, port: number) =>
      host === 'evil' ? null : { host: host === 'a' ? 'b' : host, port: host === 'a' ? 2 : port },
  ] as const) {
    const resolve = addressResolver(map);
    assert.throws(() => resolve('evil', 1), { code: 'RESPOOL_ADDRESS_REFUSED', endpoint: 'evil:1' });
    assert.equal(String(resolve('a', 1)), 'b:2');
    assert.equal(String(resolve('c', 3)), 'c:3');
    assert.deepEqual(
      resolveAll(
        [
          { host: 'evil', port: 1 },
          { host: 'a', port: 1 },
        ],
        resolve,
      ).map(String),
      ['b:2'],
    );
  }
});
