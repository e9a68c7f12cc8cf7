import { Redis } from 'iovalkey';
import { connectLike } from './ioredis-like.mjs';

export const connect = (address) => connectLike(Redis, address);
