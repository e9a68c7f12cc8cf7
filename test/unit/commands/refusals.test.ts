import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allEntries } from '../../../src/commands/catalogue.ts';
import { resolveCommand } from '../../../src/commands/command-info.ts';
import { NEEDS_EXECUTE_ON, STATEFUL } from '../../../src/commands/flags.ts';
import { clusterRefusal, refusal, requestRefusal } from '../../../src/commands/refusals.ts';

function message(command: string): string {
  const info = resolveCommand(command, []);
  assert.notEqual(info.flags & STATEFUL, 0, command);
  return refusal(info);
}

it('a refusal names the right way', () => {
  assert.match(message('multi'), /MULTI.*acquire\(\).*use\(\)/);
  assert.match(message('SELECT 1'), /\bdb option/);
  assert.match(message('SUBSCRIBE'), /executePubsub/);
  assert.match(message('client setname'), /CLIENT SETNAME.*clientName/);
  assert.match(message('CLIENT REPLY'), /noreply/);
  assert.match(message('CLIENT TRACKING'), /cache.*updateTrackingClient/);
  assert.match(message('WAIT'), /acquire/);
  assert.match(clusterRefusal(resolveCommand('FLUSHALL', [])), /FLUSHALL.*executeOn/);
});

it('a refusal says something useful of every stateful command, and never an argument', () => {
  for (const entry of allEntries()) {
    if ((entry.flags & STATEFUL) === 0) continue;
    const text = message(`${entry.name} hunter2`);
    assert.ok(text.startsWith(entry.name), text);
    assert.ok(!text.includes('hunter2'));
    assert.match(text, /acquire\(\)|option|execute|pool|cluster/);
  }
});

it('node-wise commands, which only clusters refuse, differ from commands that change their connection', () => {
  const kind = (command: string) => resolveCommand(command, []).flags & (STATEFUL | NEEDS_EXECUTE_ON);
  assert.equal(kind('FLUSHALL'), NEEDS_EXECUTE_ON);
  assert.equal(kind('CONFIG SET'), NEEDS_EXECUTE_ON);
  assert.equal(kind('CONFIG GET'), 0);
  assert.equal(kind('GET'), 0);
});

it('a refusal says which commands a request cannot carry', () => {
  assert.match(requestRefusal(resolveCommand('SUBSCRIBE', [])), /executePubsub.*sendCommand/);
  assert.match(
    requestRefusal(resolveCommand('CLIENT', ['REPLY', 'OFF'])),
    /CLIENT REPLY.*noreply.*sendCommand/,
  );
});
