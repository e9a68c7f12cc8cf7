// A program of TypeScript that has BullMQ and ioredis installed: clients of respool/ioredis are what BullMQ asks for.
import { Queue, Worker } from 'bullmq';
import { Redis as Theirs } from 'ioredis';
import Redis, { Cluster, type RedisOptions } from 'respool/ioredis';

const options: RedisOptions = { host: '127.0.0.1', maxRetriesPerRequest: null, offlineQueueBytes: 1_000_000 };
export const queue = new Queue('work', { connection: new Redis(options) });
export const worker = new Worker('work', async ({ id }) => id, { connection: new Redis('redis://127.0.0.1') });
export const cluster = new Queue('work', { connection: new Cluster([{ host: '127.0.0.1', port: 7000 }]) });
export const same: Theirs = new Redis();
export const text: Promise<string | null> = new Redis().get('key');
// @ts-expect-error a queue has no such option: its types are not any.
new Queue('work', { connection: new Redis(), nonsense: 1 });
// @ts-expect-error a client has no such method: its types are not any.
new Redis().nonsense();
