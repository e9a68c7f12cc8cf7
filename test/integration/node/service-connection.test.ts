import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coreOf } from '../../../src/connection/base-connection.ts';
import { TCPConnection } from '../../../src/index.ts';
import { ServiceConnection, type ServiceSettings } from '../../../src/node/service-connection.ts';
import { DialGovernor } from '../../../src/pooling/dial-governor.ts';
import { reply, ScriptedServer } from '../../../src/testkit/index.ts';
import { until } from '../../conformance/pool/support.ts';

function serviceTo(
  location: TCPConnection['location'],
  settings: Partial<ServiceSettings> = {},
): { service: ServiceConnection; log: string[]; governor: DialGovernor } {
  const log: string[] = [];
  const governor = new DialGovernor();
  const service = new ServiceConnection({
    address: location.toString(),
    governor,
    deadPeerTimeout: null,
    async dial(signal) {
      log.push('dial');
      const connection = new TCPConnection(location as never);
      await connection.run({ signal });
      return connection;
    },
    wanted: () => true,
    up: () => log.push('up'),
    failed: () => log.push('failed'),
    lost: () => log.push('lost'),
    unref: () => false,
    ...settings,
  });
  return { service, log, governor };
}

test('a service connection is dialled once for all callers, dialled again after a loss, and closed', async () => {
  await using scripted = await ScriptedServer.start();
  const { service, log, governor } = serviceTo(scripted.location);
  assert.equal(service.state, 'idle');
  const { signal } = new AbortController();
  const [one, two] = await Promise.all([service.ready(signal), service.ready(signal)]);
  assert.equal(one, two);
  assert.equal(service.state, 'up');
  one?.invalidate('lost');
  assert.equal(service.connection, null);
  const next = await service.ready(signal);
  assert.notEqual(next, one);
  assert.deepEqual(log, ['dial', 'up', 'lost', 'dial', 'up']);
  await service.close();
  assert.equal(service.state, 'closed');
  assert.equal(coreOf(next as TCPConnection).state, 'closed');
  await assert.rejects(service.ready(signal), { name: 'ConnectionError', message: /closed/ });
  assert.equal(governor.attach(scripted.location.toString()).users, 1);
});

test('a refused login pauses this connection alone, a refused dial pauses the address', async () => {
  await using scripted = await ScriptedServer.start({ HELLO: reply.error('WRONGPASS no') });
  const { service, log, governor } = serviceTo(scripted.location);
  const dials = governor.attach(scripted.location.toString());
  await assert.rejects(service.ready(new AbortController().signal), { name: 'AuthenticationFailureError' });
  assert.deepEqual([service.state, dials.down], ['pausing', false]);
  await until(() => log.filter((entry) => entry === 'dial').length > 2, 'further dials');
  await service.close();
  const { location } = scripted;
  await scripted.close();
  const other = serviceTo(location);
  await assert.rejects(other.service.ready(new AbortController().signal), { name: 'ConnectionError' });
  assert.equal(other.governor.attach(location.toString()).down, true);
  await other.service.close();
});

test('a server that drops every connection is not stormed', async () => {
  await using scripted = await ScriptedServer.start();
  const states: string[] = [];
  const { service, log } = serviceTo(scripted.location, {
    useful: () => false,
    lost: () => states.push(service.state),
    up: () => setImmediate(() => service.connection?.invalidate('dropped')),
  });
  service.start();
  await until(() => log.filter((entry) => entry === 'dial').length > 4, 'five dials');
  await service.close();
  assert.deepEqual([...new Set(states)], ['pausing'], 'each loss is followed by a back-off');
  assert.equal(states.length >= 4, true);
});

test('a connection dropped while it is dialled is dialled again for the next caller', async () => {
  await using scripted = await ScriptedServer.start();
  let wanted = true;
  const { service, log } = serviceTo(scripted.location, { wanted: () => wanted });
  service.start();
  assert.equal(service.state, 'dialling');
  wanted = false;
  service.drop('nobody needs it');
  await until(() => service.state === 'idle', 'rest');
  assert.deepEqual(log, ['dial']);
  assert.ok(await service.ready(new AbortController().signal));
  await service.close();
});
