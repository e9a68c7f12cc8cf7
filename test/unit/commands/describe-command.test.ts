import assert from 'node:assert/strict';
import { it } from 'node:test';
import { commandInfo } from '../../../src/index.ts';

it('commandInfo returns keys, flags and tips', () => {
  const move = commandInfo('lmove');
  assert.equal(move?.name, 'LMOVE');
  assert.deepEqual(move?.keys('a', 'b', 'LEFT', 'RIGHT'), ['a', 'b']);
  assert.ok(move?.write && !move.readOnly && move.blocking === false);
  assert.equal(commandInfo('BLPOP')?.blocking, true);
  assert.equal(commandInfo('XREAD')?.blocking, 'sometimes');
  assert.equal(commandInfo('client setname')?.connectionState, true);
  assert.equal(commandInfo('GET')?.cacheable, true);
  assert.equal(commandInfo('DBSIZE')?.perNode, true);
  assert.equal(commandInfo('DBSIZE')?.requestPolicy, 'all_shards');
  assert.equal(commandInfo('DBSIZE')?.responsePolicy, 'agg_sum');
  assert.equal(commandInfo('CONFIG SET')?.requestPolicy, 'all_nodes');
  assert.equal(commandInfo('BLMOVEM')?.blocking, true);
  assert.equal(commandInfo('NO.SUCH'), null);
});
