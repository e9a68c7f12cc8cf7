/// <reference types="node" preserve="true" />
export { RedisError } from './errors/errors.ts';
