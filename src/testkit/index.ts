export { findServerBinary, serverBinaries } from './servers/binaries.ts';
export type { ServerBinary } from './servers/binaries.ts';
export { CertificateAuthority, testCertificates } from './servers/certificates.ts';
export type { Certificate, CertificateOptions, TestCertificates } from './servers/certificates.ts';
export type { ClusterNode, NodeLine } from './servers/cluster-node.ts';
export { channelConformance } from './conformance/channel-conformance.ts';
export type { MakeChannel } from './conformance/channel-conformance.ts';
export { connectionConformance } from './conformance/connection-conformance.ts';
export type { MakeConnection } from './conformance/suite.ts';
export { poolConformance } from './conformance/pool-conformance.ts';
export type { ConformanceCase } from './conformance/suite.ts';
export { FaultProxies } from './proxy/fault-proxies.ts';
export { FaultProxy } from './proxy/fault-proxy.ts';
export type { ProxyFrameHandler, ProxyStrike } from './proxy/fault-proxy.ts';
export type {
  FaultProxyOptions,
  FaultProxyTarget,
  ProxyDirection,
  ProxyFault,
  ProxyFaultChoice,
  ProxyFaultKind,
  ProxyFrame,
  ProxyLine,
  ProxyRates,
  ProxyTarget,
} from './proxy/faults.ts';
export type { ProxyConnection } from './proxy/proxy-connection.ts';
export { reply } from './servers/reply-text.ts';
export type { ScriptedCommand, ScriptedConnection, ScriptedReply } from './scripted/scripted-connection.ts';
export { ScriptedServer } from './scripted/scripted-server.ts';
export type { ScriptedHandler, ScriptedServerOptions, ScriptedTable } from './scripted/scripted-server.ts';
export type { ServerTls, TlsOptions } from './servers/server-tls.ts';
export type { SlotMigration } from './servers/slot-migration.ts';
export { startCluster } from './servers/start-cluster.ts';
export type { StartClusterOptions } from './servers/start-cluster.ts';
export { startSentinel } from './servers/start-sentinel.ts';
export type { StartSentinelOptions } from './servers/start-sentinel.ts';
export { startServer } from './servers/start-server.ts';
export type { StartServerOptions } from './servers/start-server.ts';
export type { TestCluster } from './servers/test-cluster.ts';
export type { TestSentinel } from './servers/test-sentinel.ts';
export type { TestServer } from './servers/test-server.ts';

/** Types that the ones above are made of. */
export type { ScriptedOwner } from './scripted/scripted-connection.ts';
export type { NodeMaker } from './servers/test-cluster.ts';
export type { SentinelParts } from './servers/test-sentinel.ts';
export type { CommandArgument, LaunchedServer } from './servers/test-server.ts';
export type { ServerProcess } from './servers/server-process.ts';
export type { ServerPlan } from './servers/test-server.ts';
export type { ProcessOptions } from './servers/server-process.ts';
