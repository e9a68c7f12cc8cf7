import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allEntries } from '../../../src/commands/catalogue.ts';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import { STATEFUL } from '../../../src/commands/flags.ts';
import { refuse, requestRefusal } from '../../../src/commands/refusals.ts';

function message(command: string, cluster = false): string {
  const error = refuse(resolveCommand(command, []), cluster);
  assert.ok(error instanceof TypeError, command);
  return error.message;
}

it('names the right way', () => {
  assert.match(message('multi'), /MULTI.*acquire\(\).*use\(\)/);
  assert.match(message('SELECT 1'), /\bdb option/);
  assert.match(message('SUBSCRIBE'), /executePubsub/);
  assert.match(message('client setname'), /CLIENT SETNAME.*clientName/);
  assert.match(message('CLIENT REPLY'), /noreply/);
  assert.match(message('CLIENT TRACKING'), /cache.*updateTrackingClient/);
  assert.match(message('WAIT'), /acquire/);
  assert.match(message('FLUSHALL', true), /executeOn/);
});

it('says something useful of every stateful command, and never an argument', () => {
  for (const entry of allEntries()) {
    if ((entry.flags & STATEFUL) === 0) continue;
    const text = message(`${entry.name} hunter2`);
    assert.ok(text.startsWith(entry.name), text);
    assert.ok(!text.includes('hunter2'));
    assert.match(text, /acquire\(\)|option|execute|pool|cluster/);
  }
});

it('refuses node-wise commands on clusters only, and lets the others pass', () => {
  assert.equal(refuse(resolveCommand('FLUSHALL', []), false), null);
  assert.equal(refuse(resolveCommand('CONFIG', ['GET', 'x']), true), null);
  assert.ok(refuse(resolveCommand('CONFIG', ['SET', 'x', 'y']), true) instanceof TypeError);
  assert.equal(refuse(resolveCommand('GET', ['k']), true), null);
});

it('tells what a request cannot carry', () => {
  assert.match(requestRefusal(resolveCommand('SUBSCRIBE', [])), /executePubsub.*sendCommand/);
  assert.match(
    requestRefusal(resolveCommand('CLIENT', ['REPLY', 'OFF'])),
    /CLIENT REPLY.*noreply.*sendCommand/,
  );
});
