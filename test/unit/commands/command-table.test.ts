import assert from 'node:assert/strict';
import { it } from 'node:test';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import { CommandTable, commandsFromReply } from '../../../src/commands/command-table.ts';
import { BLOCKING, HAS_EFFECT, READONLY, WRITE } from '../../../src/commands/flags.ts';
import type { RedisValue } from '../../../src/resp/types.ts';

const resp2 = (flags: string[], begin: unknown[], find: unknown[]): unknown[] => [
  'flags',
  flags,
  'begin_search',
  ['type', begin[0], 'spec', begin.slice(1)],
  'find_keys',
  ['type', find[0], 'spec', find.slice(1)],
];

const STORE = [
  'my.store',
  -3,
  ['write', 'denyoom'],
  1,
  1,
  1,
  [],
  [],
  [
    resp2(['RW'], ['index', 'index', 1], ['range', 'lastkey', 0, 'keystep', 1, 'limit', 0]),
    resp2(
      ['RW'],
      ['keyword', 'keyword', 'INTO', 'startfrom', 2],
      ['range', 'lastkey', -1, 'keystep', 1, 'limit', 0],
    ),
  ],
  [],
];

/** The same shape as RESP3 gives it: maps, sets, bytes. */
function resp3(value: unknown): unknown {
  const bytes = (text: string): Buffer => Buffer.from(text);
  const [name, arity, flags, first, last, step, , , , subcommands] = value as [
    string,
    number,
    string[],
    ...unknown[],
  ];
  const counted = new Map<unknown, unknown>([
    [bytes('flags'), new Set([bytes('RO')])],
    [
      bytes('begin_search'),
      new Map<unknown, unknown>([
        [bytes('type'), bytes('index')],
        [bytes('spec'), new Map([[bytes('index'), 1]])],
      ]),
    ],
    [
      bytes('find_keys'),
      new Map<unknown, unknown>([
        [bytes('type'), bytes('keynum')],
        [
          bytes('spec'),
          new Map([
            [bytes('keynumidx'), 0],
            [bytes('firstkey'), 1],
            [bytes('keystep'), 1],
          ]),
        ],
      ]),
    ],
  ]);
  return [
    bytes(name),
    arity,
    new Set(flags.map(bytes)),
    first,
    last,
    step,
    new Set(),
    [],
    [counted],
    subcommands,
  ];
}

function keys(table: CommandTable, command: string, ...args: RedisValue[]): (string | Uint8Array)[] {
  return table.keysOf(resolveCommand(command, args), args);
}

it('the table learns commands from a server over RESP2', () => {
  const table = new CommandTable();
  assert.ok(!table.isKnown(resolveCommand('MY.STORE', []), []));
  assert.deepEqual(keys(table, 'my.store', 'a'), []);
  assert.deepEqual(table.learn([STORE, null]), ['MY.STORE']);
  assert.ok(table.isKnown(resolveCommand('my.store', []), []));
  assert.deepEqual(keys(table, 'my.store', 'a', 'x', 'into', 'b', 'c'), ['a', 'b', 'c']);
  assert.equal(table.flagsOf(resolveCommand('my.store', []), []), WRITE);
});

it('the table learns commands from a server over RESP3', () => {
  const table = new CommandTable();
  table.learn([resp3(['my.read', -2, ['readonly', 'blocking'], 1, 1, 1, [], [], [], []])]);
  assert.deepEqual(keys(table, 'MY.READ', 2, 'a', 'b', 'c'), ['a', 'b']);
  assert.equal(table.flagsOf(resolveCommand('MY.READ', []), []), READONLY | BLOCKING | HAS_EFFECT);
});

it('the table learns from servers that tell positions only', () => {
  const table = new CommandTable();
  table.learn([
    ['old.pairs', -3, ['write'], 1, -1, 2],
    ['old.two', 3, ['readonly'], 1, 2, 1],
    ['old.none', 1, ['readonly'], 0, 0, 0],
    ['old.moving', -2, ['write', 'movablekeys'], 1, 1, 1],
  ]);
  assert.deepEqual(keys(table, 'OLD.PAIRS', 'a', 1, 'b', 2), ['a', 'b']);
  assert.deepEqual(keys(table, 'OLD.TWO', 'a', 'b', 'c'), ['a', 'b']);
  assert.deepEqual(keys(table, 'OLD.NONE', 'a'), []);
  const complete = (name: string): boolean | undefined =>
    table.lookUp(resolveCommand(name, []), [])?.complete;
  assert.deepEqual(['OLD.PAIRS', 'OLD.NONE', 'OLD.MOVING'].map(complete), [true, true, false]);
});

it('the table learns subcommands', () => {
  const table = new CommandTable();
  const sub = [
    'box|put',
    -3,
    ['write'],
    2,
    2,
    1,
    [],
    [],
    [resp2([], ['index', 'index', 2], ['range', 'lastkey', 0, 'keystep', 1, 'limit', 0])],
    [],
  ];
  assert.deepEqual(table.learn([['box', -2, [], 0, 0, 0, [], [], [], [sub]]]), ['BOX', 'BOX PUT']);
  assert.deepEqual(keys(table, 'box', 'put', 'k'), ['k']);
  assert.deepEqual(keys(table, 'box PUT', 'k'), ['k']);
  assert.deepEqual(keys(table, 'box', 'list', 'k'), []);
});

it('the built-in commands stay as they are', () => {
  const table = new CommandTable();
  table.learn([['get', 2, ['write'], 0, 0, 0, [], [], [], []]]);
  assert.deepEqual(keys(table, 'GET', 'k'), ['k']);
  assert.equal(table.flagsOf(resolveCommand('GET', ['k']), ['k']) & WRITE, 0);
});

it('a command whose keys only the server can find is marked', () => {
  const unknown = resp2([], ['unknown'], ['unknown']);
  const partly = resp2(
    ['incomplete'],
    ['index', 'index', 1],
    ['range', 'lastkey', 0, 'keystep', 1, 'limit', 0],
  );
  const [a, b] = commandsFromReply([
    ['x.a', -2, [], 1, 1, 1, [], [], [unknown], []],
    ['x.b', -2, [], 1, 1, 1, [], [], [partly], []],
  ]);
  assert.deepEqual([a?.complete, a?.keySpecs.length, b?.complete, b?.keySpecs.length], [false, 0, false, 1]);
});

it('malformed answers are skipped', () => {
  for (const reply of [
    null,
    undefined,
    'x',
    7,
    [],
    [[]],
    [[null, 1, 2, 3, 4, 5]],
    [['', 1, [], 0, 0, 0]],
    [[7, 1, [], 0, 0, 0]],
  ]) {
    assert.deepEqual(commandsFromReply(reply), []);
  }
  const broken = ['bad', 1, 'flags', 'x', {}, null, null, null, [null, 'x', [1], new Map()], 'subs'];
  assert.deepEqual(new CommandTable().learn([broken]), ['BAD']);
});
