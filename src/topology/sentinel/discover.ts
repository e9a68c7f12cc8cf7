import {
  AuthenticationError,
  PrimaryNotFoundError,
  ReplicaNotFoundError,
  ResponseError,
  SentinelError,
} from '../../errors/errors.ts';
import { addressKey, type TCPLocation } from '../../transport/location.ts';
import { type ResolveAddress, resolveAll } from '../cluster/address-map.ts';
import { failureCause, failureText, NodeFailure } from '../first-answer.ts';
import {
  type Endpoint,
  type Instance,
  isLinked,
  isUp,
  isUsablePrimary,
  parsePrimary,
  parsePrimaryAddress,
  parseReplicas,
  parseSentinels,
} from './replies.ts';
import type { AskSentinel, SentinelList } from './sentinel-list.ts';

export interface SentinelSearch {
  readonly list: SentinelList;
  readonly resolve: ResolveAddress;
  /** Ignore sentinels that know fewer than this many others. */
  readonly minOtherSentinels?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Throws for an address that must not be believed; then the next sentinel is asked. */
  readonly vet?: ((location: TCPLocation, epoch: number | null) => void) | undefined;
}

/**
 * Finds the primary of a service with `GET-MASTER-ADDR-BY-NAME`, the freshest source during a failover. The flags of
 * `SENTINEL MASTER` only rule out an answer whose address the same sentinel reports as down.
 */
export async function findPrimary(service: string, options: SentinelSearch): Promise<TCPLocation> {
  const { list, resolve, minOtherSentinels = 0, signal, vet } = options;
  const result = await list.first(async (ask) => {
    const [address, info] = await Promise.all([
      ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', service).then(parsePrimaryAddress),
      primaryInfo(ask, service, minOtherSentinels),
    ]);
    if (address === null) throw new SentinelError('the sentinel does not know the service');
    if (info !== null && sameAddress(info, address) && !isUsablePrimary(info)) {
      throw new SentinelError(`the primary is flagged ${[...info.flags].join(',')}`);
    }
    const location = resolve(address.host, address.port);
    vet?.(location, info?.configEpoch ?? null);
    return location;
  }, signal);
  if (result.node !== null) return result.value;
  throw new PrimaryNotFoundError(`No primary found for '${service}'${because(result.failures)}`, {
    cause: failureCause(result.failures),
  });
}

/** Reads `SENTINEL MASTER`; null if the sentinel refuses it and no number of other sentinels is required. */
async function primaryInfo(ask: AskSentinel, service: string, minOthers: number): Promise<Instance | null> {
  let info: Instance;
  try {
    info = parsePrimary(await ask('SENTINEL', 'MASTER', service));
  } catch (error) {
    const told = error instanceof ResponseError || error instanceof SentinelError;
    if (told && minOthers === 0) return null;
    throw error;
  }
  const others = info.otherSentinels ?? 0;
  if (others < minOthers)
    throw new SentinelError(`the sentinel knows ${others} others, ${minOthers} are required`);
  return info;
}

/** Finds the replicas of a service that are up; empty if there are none or the service is unknown. */
export async function findReplicas(service: string, options: SentinelSearch): Promise<TCPLocation[]> {
  const { list, resolve, minOtherSentinels = 0, signal, vet } = options;
  let unknown = false;
  const result = await list.first(async (ask) => {
    try {
      const [replicas] = await Promise.all([
        ask('SENTINEL', 'REPLICAS', service).then(parseReplicas),
        minOtherSentinels > 0 ? primaryInfo(ask, service, minOtherSentinels) : null,
      ]);
      const up = replicas.filter(isUp);
      // While the primary is down no replica is linked to it; replicas can still serve reads.
      const linked = up.filter(isLinked);
      return believed(resolveAll(linked.length > 0 ? linked : up, resolve), vet);
    } catch (error) {
      unknown ||= error instanceof ResponseError && error.message.includes('No such master');
      throw error;
    }
  }, signal);
  if (result.node !== null) return result.value;
  if (unknown) return [];
  throw new ReplicaNotFoundError(`No replica found for '${service}'${because(result.failures)}`, {
    cause: failureCause(result.failures),
  });
}

/** The replicas that pass `vet`; throws if replicas were given and none passes. */
function believed(locations: TCPLocation[], vet: SentinelSearch['vet']): TCPLocation[] {
  if (vet === undefined) return locations;
  let refusal: unknown = null;
  const passed = locations.filter((location) => {
    try {
      vet(location, null);
      return true;
    } catch (error) {
      refusal = error;
      return false;
    }
  });
  if (passed.length === 0 && refusal !== null) throw refusal;
  return passed;
}

/** Asks a sentinel for the others and adds them to the list. Rejects only with the signal's reason. */
export async function learnSentinels(service: string, options: SentinelSearch): Promise<void> {
  const { list, resolve, signal } = options;
  const result = await list.first(async (ask) => {
    const others = parseSentinels(await ask('SENTINEL', 'SENTINELS', service));
    return resolveAll(others, resolve);
  }, signal);
  if (result.node !== null) list.learn(result.value);
}

function sameAddress(one: Endpoint, other: Endpoint): boolean {
  return addressKey(one.host, one.port) === addressKey(other.host, other.port);
}

function because(failures: readonly Error[]): string {
  if (failures.length === 0) return ': no sentinel is configured';
  const refusals: NodeFailure[] = [];
  const others: Error[] = [];
  for (const failure of failures) {
    if (isRefusal(failure)) refusals.push(failure);
    else others.push(failure);
  }
  const rest = others.length === 0 ? '' : ` (${failureText(others)})`;
  if (refusals.length === 0) return rest;
  const codes = new Set(refusals.map(({ cause }) => (cause as AuthenticationError).code));
  const places = refusals.map(({ location }) => location.toString());
  return (
    `: ${places.join(', ')} refused the login (${[...codes].join(', ')})${rest}. ` +
    `Sentinels have their own credentials: set sentinelOptions: { password }, or sentinelPassword with a URL`
  );
}

function isRefusal(failure: Error): failure is NodeFailure {
  return failure instanceof NodeFailure && failure.cause instanceof AuthenticationError;
}
