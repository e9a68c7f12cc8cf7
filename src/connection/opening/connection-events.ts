import { channels, observed } from '../../telemetry/channels.ts';
import { type ConnectTrace, type SubscribeTrace, traces } from '../../telemetry/traces.ts';
import type { ConnectionCore } from '../connection-core.ts';
import { noteHost, placeOf } from '../requests/request-traces.ts';

function addressOf(core: ConnectionCore): { serverAddress: string; serverPort: number | undefined } {
  const { host, port } = core.peer;
  return { serverAddress: host, serverPort: port };
}

/** Traces a dial from its start to the end of the handshake, if the channel has subscribers. */
export function traceConnect(core: ConnectionCore, tls: boolean, dial: () => Promise<void>): Promise<void> {
  if (!traces.connect.active) return dial();
  const trace: ConnectTrace = { ...addressOf(core), tls };
  return traces.connect.promise(trace, async () => {
    await dial();
    if (core.clientId !== null) trace.clientId = core.clientId;
  });
}

/** Publishes that the handshake is done. `since`: epoch ms of the start of the dial. */
export function reportReady(core: ConnectionCore, serverVersion: string | null, since: number): void {
  if (!observed(channels.connectionReady)) return;
  channels.connectionReady.publish({
    ...addressOf(core),
    clientId: core.clientId,
    serverVersion,
    protocol: core.session.resp === 2 ? 2 : 3,
    duration: Date.now() - since,
  });
}

/** Publishes that a ready connection has ended. `lost`: number of requests that fail with it. */
export function reportClosed(core: ConnectionCore, reason: Error, lost: number): void {
  if (!observed(channels.connectionClosed)) return;
  const { connectedAt, createdAt } = core.counters;
  const age = Date.now() - (connectedAt ?? createdAt);
  channels.connectionClosed.publish({ ...addressOf(core), clientId: core.clientId, reason, age, lost });
}

/** Traces a call of the SUBSCRIBE family, if the channel has subscribers. */
export function traceSubscribe<R>(
  core: ConnectionCore,
  command: string,
  names: number,
  run: () => Promise<R>,
): Promise<R> {
  if (!traces.subscribe.active) return run();
  const trace: SubscribeTrace = {
    ...placeOf(core),
    command: String(command).toUpperCase(),
    channels: names,
  };
  noteHost(trace, core);
  return traces.subscribe.promise(trace, run);
}
