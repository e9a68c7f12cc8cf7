import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as errors from '../../../../src/errors/errors.ts';
import { replyError } from '../../../../src/errors/reply-errors.ts';
import { addressResolver } from '../../../../src/topology/cluster/address-map.ts';
import { classify, RedirectTrail } from '../../../../src/topology/cluster/redirect.ts';
import { TCPLocation } from '../../../../src/transport/location.ts';
import { asked, at, same } from './fixtures.ts';

test('MOVED and ASK name slot and target', () => {
  const moved = classify(replyError('MOVED 3999 10.0.0.2:7001'), asked, same);
  assert.ok(moved.kind === 'moved' && moved.slot === 3999 && !moved.redial);
  assert.equal(String(moved.target), '10.0.0.2:7001');
  const ask = classify(replyError('ASK 3999 ::1:7001'), asked, same);
  assert.ok(ask.kind === 'ask' && ask.slot === 3999);
  assert.equal(ask.target.host, '::1');
});

test('a redirect without a host means the host that was asked', () => {
  for (const line of ['MOVED 1 :7001', 'MOVED 1 ?:7001', 'ASK 1 :7001']) {
    const found = classify(replyError(line), asked, same);
    assert.ok('target' in found);
    assert.equal(String(found.target), '10.0.0.9:7001');
  }
});

test('the address map applies to MOVED and ASK', () => {
  const resolve = addressResolver({ '10.0.0.2:7001': new TCPLocation('proxy', 9) });
  for (const line of ['MOVED 1 10.0.0.2:7001', 'ASK 1 10.0.0.2:7001']) {
    const found = classify(replyError(line), asked, resolve);
    assert.ok('target' in found && String(found.target) === 'proxy:9');
  }
});

test('MOVED to the node that sent it asks for a new connection', () => {
  const found = classify(replyError('MOVED 1 10.0.0.9:7000'), asked, same);
  assert.ok(found.kind === 'moved' && found.redial);
});

test('hostile redirects never give an address', () => {
  const tokens = [
    'MOVED',
    'MOVED 1',
    'MOVED __proto__ h:1',
    'MOVED -1 h:1',
    'MOVED 16384 h:1',
    'MOVED 1 h:0',
    'MOVED 1 h:65536',
    'MOVED 1 h',
    'MOVED 1 h:__proto__',
    'MOVED 1 u@h:1',
    'MOVED 1e1 h:1',
    'ASK 99999999999 h:1',
    'ASK 1 h:',
    'ASK constructor h:1',
  ];
  for (const line of tokens) {
    const error = replyError(line);
    assert.equal(classify(error, asked, same).kind, 'final', line);
  }
  for (const host of ['a b', 'a/b', '-x', 'a\nb', 'x'.repeat(300)]) {
    const error = new errors.MovedError('', { slotId: 1, host, port: 1 });
    assert.throws(() => classify(error, asked, same), errors.RedisClusterError);
  }
  const port = new errors.AskError('', { slotId: 1, host: 'h', port: 0 });
  assert.throws(() => classify(port, asked, same), errors.RedisClusterError);
});

test('other errors are classified', () => {
  const table: [unknown, string][] = [
    [replyError('TRYAGAIN Multiple keys request during rehashing of slot'), 'wait'],
    [replyError('CLUSTERDOWN The cluster is down'), 'wait'],
    [replyError('LOADING Redis is loading the dataset in memory'), 'wait'],
    [replyError('MASTERDOWN Link with MASTER is down'), 'wait'],
    [replyError('ERR max number of clients reached'), 'wait'],
    [replyError("READONLY You can't write against a read only replica."), 'demoted'],
    [new errors.ConnectionError('lost'), 'unreachable'],
    [new errors.ProtocolError('bad'), 'unreachable'],
    [new errors.TimeoutError('slow dial', { phase: 'connect' }), 'unreachable'],
    [new errors.TimeoutError('slow', { phase: 'reply' }), 'final'],
    [new errors.PoolClosedError('closed'), 'final'],
    [replyError('CROSSSLOT Keys in request don’t hash to the same slot'), 'final'],
    [replyError('WRONGTYPE x'), 'final'],
    [replyError('ERR x'), 'final'],
    [new Error('x'), 'final'],
    ['x', 'final'],
    [null, 'final'],
  ];
  for (const [error, kind] of table) assert.equal(classify(error, asked, same).kind, kind, String(error));
});

test('five redirects are followed; the sixth is an error that names the path', () => {
  const trail = new RedirectTrail();
  const error = replyError('MOVED 1 10.0.0.1:7001');
  for (let hop = 0; hop < 5; hop++)
    trail.follow(hop === 1 ? 'ask' : 'moved', at(7000 + hop), at(7001 + hop), error);
  assert.throws(
    () => trail.follow('moved', at(7005), at(7000), error),
    (thrown: errors.RedisClusterError) => {
      assert.ok(thrown instanceof errors.RedisClusterError);
      assert.equal(thrown.code, 'RESPOOL_TOO_MANY_REDIRECTS');
      assert.match(thrown.message, /10\.0\.0\.1:7000 → MOVED 10\.0\.0\.1:7001 → ASK 10\.0\.0\.1:7002/);
      assert.equal(thrown.cause, error);
      return true;
    },
  );
});
