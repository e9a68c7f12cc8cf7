import { readFileSync } from 'node:fs';

/** `node`: runs on this Node and counts for "best Node peer". */
export const CLIENTS = [
  { id: 'respool', title: 'respool', own: true },
  { id: 'respool-connection', title: 'respool, one connection', own: true },
  { id: 'ioredis', title: 'ioredis', peer: true, package: 'ioredis' },
  { id: 'node-redis', title: 'node-redis', peer: true, package: 'redis' },
  { id: 'iovalkey', title: 'iovalkey', peer: true, package: 'iovalkey' },
  { id: 'glide', title: 'valkey-glide', peer: true, package: '@valkey/valkey-glide' },
  { id: 'bun', title: 'Bun' },
];

/** The authority that a TLS address names; undefined for a plain one. */
export const authorityOf = ({ tls }) => (tls === undefined ? undefined : readFileSync(tls, 'utf8'));

export const urlOf = ({ host, port, tls }) => `${tls === undefined ? 'redis' : 'rediss'}://${host}:${port}`;

/** `address`: `{ host, port }`, and `tls`, the file of the authority, where the server speaks TLS. */
export async function connectTo(id, address) {
  if (id === 'respool') return (await import('./respool.mjs')).connect(address);
  if (id === 'respool-connection') return (await import('./respool.mjs')).connectOne(address);
  return (await import(`./${id}.mjs`)).connect(address);
}
