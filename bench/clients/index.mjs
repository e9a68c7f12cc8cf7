import { readFileSync } from 'node:fs';

/** The clients. `node`: runs on this Node, so it counts for the "best Node peer". */
export const CLIENTS = [
  { id: 'respool', title: 'respool', own: true },
  { id: 'respool-connection', title: 'respool, one connection', own: true },
  { id: 'ioredis', title: 'ioredis', peer: true, package: 'ioredis' },
  { id: 'node-redis', title: 'node-redis', peer: true, package: 'redis' },
  { id: 'iovalkey', title: 'iovalkey', peer: true, package: 'iovalkey' },
  { id: 'glide', title: 'valkey-glide', peer: true, package: '@valkey/valkey-glide' },
  { id: 'bun', title: 'Bun' },
];

/** The certificate authority of a TLS address; undefined for a plain address. */
export const authorityOf = ({ tls }) => (tls === undefined ? undefined : readFileSync(tls, 'utf8'));

export const urlOf = ({ host, port, tls }) => `${tls === undefined ? 'redis' : 'rediss'}://${host}:${port}`;

/** `address`: `{ host, port }`, and for TLS servers `tls`, the file with the certificate authority. */
export async function connectTo(id, address) {
  if (id === 'respool') return (await import('./respool.mjs')).connect(address);
  if (id === 'respool-connection') return (await import('./respool.mjs')).connectOne(address);
  return (await import(`./${id}.mjs`)).connect(address);
}
